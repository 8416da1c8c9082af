"""The gallery: every shipped model that runs by itself has its figure and its line in the committed table."""

import pytest

from cartsim.errors import ModelError
from cartsim.models import load_model, model_names
from cartsim.report.model_montage import ModelPanel, model_montage
from cartsim.study.model_gallery import draw_montage, draw_published, gallery_page, published_courses


def test_the_committed_page_is_the_one_that_the_models_make(project):
    assert (project / "docs" / "models.md").read_text(encoding="utf-8") == gallery_page("models")


def test_every_model_that_runs_by_itself_has_a_committed_figure(project):
    drawn = {path.stem for path in (project / "docs" / "models").glob("*.png")}
    assert drawn == {name for name in model_names() if not load_model(name).inputs}


def test_courses_are_the_published_scenarios_with_their_doses():
    courses = published_courses(load_model("stein2019_tisagenlecleucel"))
    assert courses["time"].max() == 365.0
    assert set(courses["subject"]) == {"typical"}
    assert courses["car_transgene"].max() == pytest.approx(24_000.0, rel=0.1)  # the grid misses the peak


def test_the_figure_is_written(tmp_path):
    draw_published(load_model("stein2019_tisagenlecleucel"), tmp_path / "stein.png")
    assert (tmp_path / "stein.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_driven_by_measurements_has_no_course_of_its_own():
    with pytest.raises(ModelError, match="measured series"):
        published_courses(load_model("cytokine_release_driven"))


@pytest.mark.slow  # it compiles a model that few fast tests do
def test_scenarios_end_where_their_papers_do_and_say_so():
    courses = published_courses(load_model("barros2021"))
    last = courses.groupby("subject")["time"].max()
    assert last["HDLM-2"] == 80.0
    assert last["RAJI (to day 14)"] == 14.0
    assert courses["tumor"].max() < 1e10, "no tumour larger than a mouse"


@pytest.mark.slow  # it compiles a model that few fast tests do
def test_a_model_without_a_published_dose_is_drawn_with_one_that_is_named():
    courses = published_courses(load_model("theophylline"))
    assert set(courses["subject"]) == {"dose 320, not published"}
    assert 5.0 < courses["theophylline"].max() < 320.0 / 31.8


def test_all_models_at_a_glance(tmp_path, project):
    courses = published_courses(load_model("stein2019_tisagenlecleucel"))
    panels = [
        ModelPanel("a", courses, "car_transgene", "copies/ug", clock, 14.0) for clock in ("", "Day", "Day")
    ]
    figure = model_montage(panels, title="three")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["a", "a", "a"]
    assert [axes.get_xscale() for axes in shown] == ["asinh", "linear", "linear"]
    assert {axes.get_yscale() for axes in shown} == {"log"}
    draw_montage({"stein2019_tisagenlecleucel": courses}, tmp_path / "models.png")
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
    assert (project / "docs" / "models.png").is_file()
