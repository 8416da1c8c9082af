"""The gallery: every shipped model that runs by itself has its figure and its line in the committed table."""

import pytest

from cartsim.errors import ModelError
from cartsim.models import load_model, model_names
from cartsim.study.model_gallery import draw_published, gallery_page, published_courses


def test_the_committed_page_is_the_one_that_the_models_make(project):
    assert (project / "docs" / "models.md").read_text(encoding="utf-8") == gallery_page("models")


def test_every_model_that_runs_by_itself_has_a_committed_figure(project):
    drawn = {path.stem for path in (project / "docs" / "models").glob("*.png")}
    assert drawn == {name for name in model_names() if not load_model(name).inputs}


def test_courses_are_the_published_scenarios_with_their_doses():
    courses = published_courses(load_model("stein2019_tisagenlecleucel"))
    assert courses["time"].max() == 365.0
    assert set(courses["subject"]) == {"default patient"}
    assert courses["car_transgene"].max() == pytest.approx(24_000.0, rel=0.1)  # the grid misses the peak


def test_the_figure_is_written(tmp_path):
    draw_published(load_model("stein2019_tisagenlecleucel"), tmp_path / "stein.png")
    assert (tmp_path / "stein.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_driven_by_measurements_has_no_course_of_its_own():
    with pytest.raises(ModelError, match="measured series"):
        published_courses(load_model("cytokine_release_driven"))
