"""Charts carry every output once, stay finite on a log axis and say what could not be solved."""

import json

import numpy as np
import pytest

from cartsim.cohort.scenario import CrsSeen, Curve, Dial, Picture, ResponseSeen, Sample
from cartsim.explore.charts import frame, layout
from cartsim.explore.page import merged
from cartsim.explore.panels import MOST_LINES, Panel, panels
from cartsim.explore.words import crs_html, dial_text, remarks_html, response_html, status_html
from cartsim.models import load_model, model_names

DAYS = np.linspace(0.0, 365.0, 1461)
CELLS = Panel("Cells", ("car_t",), "cells/uL", log=True)
FEVER = Panel("Body temperature", ("temperature",), "degC", log=False, acute=True)


def picture(line, *, name="car_t", positive=True, **more) -> Picture:
    curve = Curve(name, "cells/uL", positive, line, 0.5 * line, 2.0 * line)
    return Picture(DAYS, {name: curve}, "typical patient", "90 % of 9", solved=10, **more)


@pytest.mark.parametrize("name", model_names())
def test_every_output_of_a_model_is_in_one_chart_with_those_of_its_unit(name):
    model = load_model(name)
    found = panels(model)
    shown = [output for panel in found for output in panel.outputs]
    assert sorted(shown) == sorted(model.output_names)
    units = {output.name: output.unit for output in model.outputs}
    for panel in found:
        assert {units[output] for output in panel.outputs} == {panel.unit}
        assert len(panel.outputs) <= MOST_LINES


def test_what_dies_out_stays_on_the_log_axis():
    line = 1e3 * np.exp(-DAYS)
    line[-1] = 0.0
    drawn = frame(CELLS, picture(line))
    low, high = drawn["yAxis"]["min"], drawn["yAxis"]["max"]
    assert (low, high) == (1e-2, 1e4)  # six decades below the highest
    values = drawn["dataset"][0]["source"]["car_t"]
    assert min(values) == pytest.approx(low / 10.0)
    json.dumps(drawn, allow_nan=False)


def test_points_are_thinned_to_pixels_and_keep_the_last_day():
    days = frame(CELLS, picture(1.0 + DAYS))["dataset"][0]["source"]["day"]
    assert 200 < len(days) < 260
    assert days[-1] == 365.0


def test_an_acute_chart_shows_the_first_month_with_crs_and_drugs():
    line = 37.0 + np.exp(-((DAYS - 5.0) ** 2))
    shown = picture(
        line, name="temperature", positive=False, crs=CrsSeen(4.0, 6.0, {}), drugs=((5.0, "tocilizumab"),)
    )
    drawn = frame(FEVER, shown)
    assert drawn["xAxis"]["max"] == 30.0
    (series,) = (s for s in drawn["series"] if s["id"] == "temperature")
    assert [end["xAxis"] for end in series["markArea"]["data"][0]] == [4.0, 6.0]
    assert {mark.get("xAxis") for mark in series["markLine"]["data"]} == {None, 5.0}
    late = frame(CELLS, picture(line, crs=CrsSeen(4.0, 6.0, {})))
    assert late["series"][0]["markArea"] == {"data": []}


def test_samples_below_the_limit_are_drawn_apart():
    samples = {"car_t": (Sample(3.0, 40.0, False), Sample(90.0, 1.0, True), Sample(500.0, 9.0, False))}
    drawn = {s["id"]: s for s in frame(CELLS, picture(1.0 + DAYS, samples=samples))["series"]}
    assert drawn["samples"]["data"] == [[3.0, 40.0]]  # day 500 is beyond the picture
    assert drawn["below"]["data"] == [[90.0, 1.0]]


def test_a_picture_that_could_not_be_solved_empties_the_chart_and_is_said_and_counted():
    failed = Picture(DAYS, {}, "typical patient", solved=3, failed=3, reasons={"runaway": 3})
    drawn = frame(CELLS, failed, picture(1.0 + DAYS))
    assert drawn["dataset"][0]["source"]["car_t"] == []
    assert "3 failed (runaway: 3)" in status_html(failed, 5.0)
    assert "could not be solved" in remarks_html(failed)


def test_a_pinned_line_is_drawn_beside_the_new_one():
    drawn = frame(CELLS, picture(2.0 + DAYS), picture(1.0 + DAYS))
    assert drawn["dataset"][2]["source"]["value"][0] == 1.0
    assert drawn["dataset"][0]["source"]["car_t"][0] == 2.0


def test_a_frame_fits_into_its_layout():
    whole = merged(layout(CELLS), frame(CELLS, picture(1.0 + DAYS)))
    ids = [series["id"] for series in whole["series"]]
    assert len(ids) == len(set(ids))
    assert {s["id"] for s in frame(CELLS, picture(1.0 + DAYS))["series"]} <= set(ids)
    assert whole["yAxis"]["type"] == "log"


def test_shares_and_visits_are_written_out_and_names_cannot_be_markup():
    shown = picture(1.0 + DAYS)
    crs = CrsSeen(3.0, 5.5, {"no CRS": 0.3, "grade 1": 0.65, "grade 2": 0.05, "grade ≥ 3": 0.0})
    text = crs_html(crs, shown)
    assert "day 3.0 to 5.5" in text
    assert "grade 1 65%" in text
    assert "grade 2 5%" in text
    response = ResponseSeen("VGPR", "flc", ((30.0, "PR"), (60.0, "VGPR")), {"VGPR": 1.0})
    assert "read from free light chain" in response_html(response, shown)
    assert "<script" not in remarks_html(picture(1.0 + DAYS, remarks=("<script>",)))
    assert dial_text(Dial("dose", "Dose", "cells", 1e6, 1e9, 4.5e8), 4.5e8) == "4.50 × 10⁸ cells"
