"""Figures of virtual patients draw what they are given, say that it is simulated, and need no legend hunt."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from cartsim.endpoints.survival import kaplan_meier
from cartsim.report.cohort_fan import cohort_fan
from cartsim.report.crs_grades import crs_grades
from cartsim.report.end_labels import GAP, end_labels
from cartsim.report.patient_page import patient_page
from cartsim.report.response_colours import RESPONSES
from cartsim.report.style import png, sheet, svg
from cartsim.report.survival_curve import survival_curve
from cartsim.report.swimmer import swimmer
from cartsim.report.waterfall import waterfall


def texts(figure) -> str:
    found = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    return " | ".join(text for text in found if text)


@pytest.fixture
def course():
    """A made-up patient whose myeloma is gone from day 60 on."""
    days = np.arange(0.0, 401.0)
    peak = np.exp(-0.5 * ((days - 10.0) / 3.0) ** 2)
    burden = np.where(days < 60, 1e12 * np.exp(-days / 2.0), 0.0)
    same = dict.fromkeys(("ifng", "il6", "il6_signal", "il8", "il10", "crp"), 100.0 * peak + 5.0)
    return pd.DataFrame(
        {
            "time": days,
            "car_t": 500.0 * peak + 1.0,
            "tem": 20.0 * peak,
            "effector_1": 200.0 * peak,
            "effector_2": 200.0 * peak,
            "exhausted_fraction": 0.1,
            **same,
            "temperature": 36.8 + 2.0 * peak,
            "m_protein": 3.0 * np.exp(-days / 30.0),
            "free_light_chain": 200.0 * np.exp(-days / 40.0) + 10.0,
            "sbcma": 300.0 * np.exp(-days / 20.0) + 10.0,
            "burden": burden,
        }
    )


RESPONDER = pd.DataFrame({"time": [30.0, 60.0, 90.0], "response": ["PR", "PR", "CR"]})
TOCILIZUMAB = pd.DataFrame({"time": [9.5], "drug": ["tocilizumab"]})


def test_the_page_names_crs_drug_response_and_that_no_myeloma_is_left(course):
    figure = patient_page(course, doses=TOCILIZUMAB, crs=(7.5, 12.0, 2), responses=RESPONDER)
    found = texts(figure)
    for text in (
        "CRS of surrogate grade 2, day 7.5 to 12.0",
        "tocilizumab, day 9.5",
        "no myeloma cell left from day 60",
        "M-protein, from 3.0 g/dL",
        "IL-6 not blocked",
        "SIMULATED",
        "Not for clinical decisions",
    ):
        assert text in found
    words = [text.get_text() for text in figure.axes[3].texts]
    assert words.count("PR") == 1, "one word for a run of two visits"
    assert words.count("CR") == 1


def test_a_light_chain_patients_page_shows_no_m_protein(course):
    figure = patient_page(course.assign(m_protein=0.01), measured_by="flc")
    assert "M-protein" not in texts(figure)
    thick = max(figure.axes[3].lines, key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(thick.get_ydata()[0], 1.0)
    np.testing.assert_allclose(thick.get_ydata(), course["free_light_chain"] / course["free_light_chain"][0])


def test_a_death_is_marked_where_the_curves_end(course):
    figure = patient_page(course[course["time"] <= 19.0], death_day=19.4)
    assert texts(figure).count("died, day 19") == 4
    assert "Temperature and CRP: no CRS" in texts(figure)
    png(figure)


def test_end_labels_keep_their_order_and_their_distance():
    axes = sheet(4.0, 3.0).subplots()
    axes.set(xlim=(0.0, 10.0), ylim=(0.0, 1.0))
    end_labels(axes, [(10.0, 0.99, "top", "k"), (10.0, 0.985, "next", "k"), (10.0, np.nan, "gone", "k")])
    heights = {text.get_text(): text.xyann[1] for text in axes.texts}
    assert heights["top"] - heights["next"] == pytest.approx(GAP)
    assert heights["top"] <= 1.0
    assert heights["gone"] == pytest.approx(0.02)


def fan_table(group: str = "", output: str = "burden", lowest: float = 0.0):
    days = np.array([0.0, 7.0, 28.0, 90.0, 400.0])
    middle = np.array([1e12, 1e11, 1e8, 1e9, 1e10])
    columns = {
        "q05": np.full(5, lowest),
        "q25": middle / 3,
        "q50": middle,
        "q75": 3 * middle,
        "q95": 9 * middle,
    }
    rows = pd.DataFrame({"output": output, "time": days, "patients": [50, 50, 49, 48, 40], **columns})
    return rows.assign(group=group) if group else rows


def test_a_fan_shows_the_median_over_two_bands_even_where_some_have_no_cell_left():
    figure = cohort_fan(fan_table(), units={"burden": "cells"}, failed=2)
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), fan_table()["q50"])
    assert len(axes.collections) == 2
    assert "50 virtual patients; 2 more could not be solved" in texts(figure)
    assert svg(figure).startswith(b"<?xml")


def test_a_fan_draws_the_lloq_of_the_output_that_has_one():
    table = pd.concat([fan_table(), fan_table(output="car_transgene", lowest=1.0)])
    figure = cohort_fan(table, limits={"car_transgene": 50.0})
    at = [
        [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        for axes in figure.axes
    ]
    assert at == [[], [50.0]]
    assert "LLOQ (50)" in texts(figure)


def test_groups_of_a_fan_share_the_axis_of_their_output():
    figure = cohort_fan(pd.concat([fan_table("fast"), fan_table("slow")]))
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert "100 virtual patients" in texts(figure)


SEGMENTS = pd.DataFrame(
    [(4, 0.0, 30.0, "NE"), (4, 30.0, 120.0, "PR"), (4, 120.0, 400.0, "sCR"), (9, 0.0, 30.0, "NE"),
     (9, 30.0, 200.0, "PD")],
    columns=["patient", "start", "end", "response"],
)  # fmt: skip
EVENTS = pd.DataFrame(
    [(4, 2.0, "tocilizumab"), (4, 400.0, "ongoing"), (9, 30.0, "progression"), (9, 200.0, "death")],
    columns=["patient", "time", "event"],
)
CRS = pd.DataFrame({"patient": [4], "start": [1.0], "end": [5.0], "grade": [2]})


def test_a_swimmer_has_a_bar_a_patient_with_words_and_marks():
    figure = swimmer(SEGMENTS, crs=CRS, events=EVENTS)
    acute, late = figure.axes
    assert [label.get_text() for label in acute.get_yticklabels()] == ["4", "9"]
    spans = [(bar.get_x(), bar.get_width(), to_hex(bar.get_facecolor())) for bar in late.patches]
    assert (120.0, 280.0, RESPONSES["sCR"].lower()) in spans
    assert (acute.patches[0].get_x(), acute.patches[0].get_width()) == (1.0, 4.0)
    for text in ("tocilizumab", "progression", "died", "alive at the end", "PR", "sCR", "SIMULATED"):
        assert text in texts(figure)


def test_a_swimmer_without_events_or_patients_is_drawn():
    png(swimmer(SEGMENTS))
    png(swimmer(SEGMENTS.iloc[:0], crs=CRS.iloc[:0], events=EVENTS.iloc[:0]))


def test_a_waterfall_falls_and_counts_whom_it_leaves_out():
    table = pd.DataFrame(
        {
            "best_change": [-95.0, 250.0, -40.0, np.nan, -100.0, -20.0],
            "best_response_word": ["VGPR", "PD", "MR", "NE", "sCR", "SD"],
            "measured_by": ["m_protein", "m_protein", "m_protein", "flc", "flc", "marrow"],
        }
    )
    figure = waterfall(table)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [100.0, -40.0, -95.0, -100.0], "worst first, a rise cut at 100 %"
    assert [bar.get_hatch() is not None for bar in figure.axes[0].patches] == [False, False, False, True]
    assert "(2 more without a value)" in texts(figure)
    levels = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert levels == [-50.0, -90.0]
    png(waterfall(table.iloc[:0]))


def test_a_survival_curve_steps_through_the_table_and_names_its_median():
    half = kaplan_meier([10.0, 20.0, 30.0, 40.0], [1, 1, 0, 0])
    none = kaplan_meier([50.0, 60.0, 70.0], [0, 0, 0])
    figure = survival_curve({"half": half, "none": none}, event="progression")
    axes, below = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1.0, *half.table["survival"]])
    assert "half: median 20 days" in texts(figure)
    assert "none: median not reached" in texts(figure)
    ticks = [line for line in axes.lines if line.get_marker() == "|"]
    np.testing.assert_array_equal(ticks[0].get_xdata(), [30.0, 40.0])
    counts = [(text.xy, text.get_text()) for text in below.texts]
    assert ((0.0, 0), "4") in counts
    assert ((30.0, 0), "2") in counts
    assert ((60.0, -1), "2") in counts
    png(figure)


def test_grades_fill_a_bar_and_carry_their_numbers():
    table = pd.DataFrame(
        {
            "group": ["fast"] * 4 + ["slow"] * 5,
            "grade": ["no CRS", "grade 1", "grade 2", "grade 3 or worse"] * 2 + ["not solved"],
            "patients": [10, 60, 25, 5, 1, 1, 0, 0, 2],
        }
    )
    figure = crs_grades(table)
    bars = figure.axes[0].patches
    assert sum(bar.get_width() for bar in bars[:4]) == pytest.approx(100.0)
    assert "fast\n100 patients" in texts(figure)
    assert "surrogate" in texts(figure)
    assert "not solved" in texts(figure)


@pytest.mark.parametrize(
    "draw", [lambda: waterfall_table(), lambda: crs_table()], ids=["waterfall", "grades"]
)
def test_the_same_table_gives_the_same_file(draw):
    assert svg(draw()) == svg(draw())


def waterfall_table():
    return waterfall(
        pd.DataFrame({"best_change": [-60.0], "best_response_word": ["PR"], "measured_by": ["flc"]})
    )


def crs_table():
    return crs_grades(pd.DataFrame({"group": ["a"], "grade": ["grade 1"], "patients": [3]}))
