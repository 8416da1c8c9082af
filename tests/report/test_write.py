"""What lies on disk after a report was written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cartsim.report.write import BUDGET, FOLDER, LIST, write_report


@pytest.fixture(scope="module")
def written(alone, tmp_path_factory):
    """A complete report of one patient."""
    return write_report(tmp_path_factory.mktemp("run"), alone)


def test_a_folder_gets_the_page_and_every_figure_twice(written):
    assert written.name == "report.html"
    names = sorted(path.name for path in (written.parent / FOLDER).iterdir())
    stems = {name.removesuffix(".png") for name in names if name.endswith(".png")}
    assert stems == {name.removesuffix(".svg") for name in names if name.endswith(".svg")}
    assert {"fits_car_transgene_01", "forest", "contraction", "prior_posterior", "convergence"} <= stems
    assert {"goodness_of_fit_car_transgene", "traces_01_SIM-01", "corner_01_SIM-01"} <= stems


def test_the_page_holds_its_figures_and_stays_small(written):
    page = written.read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 8
    assert page.count('alt="') == 8
    assert written.stat().st_size < 5_000_000
    assert BUDGET * 4 / 3 < 5_000_000


def test_no_half_written_file_is_left_behind(written):
    assert [path.name for path in written.parent.rglob(".*")] == []


def test_real_data_leave_no_figure_of_a_single_patient_even_from_an_earlier_report(alone, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in ("fits_car_transgene_01.png", "users_own.png"):
        (folder / name).write_bytes(b"old")
    (folder / LIST).write_text("fits_car_transgene_01.png\n../report.html\n")
    page = write_report(tmp_path / "page.html", replace(alone, show_observations=False, labels=()))
    assert page == tmp_path / "page.html"
    left = {path.name for path in folder.iterdir()} - {LIST, "users_own.png"}
    assert left == {
        f"{stem}.{end}" for stem in ("forest", "contraction", "convergence") for end in ("png", "svg")
    }
    assert (folder / "users_own.png").exists()
    assert page.read_text(encoding="utf-8").count("<img") == 3
