"""The figures draw what they are given, repeat byte for byte and survive poor tables."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest

from cartsim.report.contents import Trace
from cartsim.report.contraction_map import contraction_map
from cartsim.report.convergence import convergence
from cartsim.report.corner_plot import corner_plot
from cartsim.report.forest import forest
from cartsim.report.goodness_of_fit import goodness_of_fit
from cartsim.report.hero import hero
from cartsim.report.individual_fits import individual_fits
from cartsim.report.prior_posterior import prior_posterior
from cartsim.report.style import png, stamp, svg
from cartsim.report.trace_plot import trace_plot
from cartsim.report.trajectory import trajectory

OUTPUT = "car_transgene"


def texts(figure) -> str:
    found = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    return " | ".join(text for text in found if text)


def fits(contents, **kwargs):
    return individual_fits(
        contents.observations, contents.bands, output=OUTPUT, subjects=contents.subjects, limit=50.0, **kwargs
    )


def test_each_patient_gets_a_panel_with_every_sample(six):
    figure = fits(six)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == list(six.subjects)
    for axes, subject in zip(panels, six.subjects, strict=True):
        rows = six.observations[six.observations["subject"] == subject]
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(dots[0].get_xdata()) == (rows["censoring"] == 0).sum()
        assert axes.get_yscale() == "log"


def test_censored_samples_are_arrows_at_their_limit(six):
    axes = fits(six).axes[3]
    arrows = [line for line in axes.lines if not isinstance(line.get_marker(), str)]
    below = six.observations[(six.observations["subject"] == "SIM-04") & (six.observations["censoring"] == 1)]
    assert len(below) > 0
    np.testing.assert_array_equal(arrows[0].get_xdata(), below["time"])
    np.testing.assert_array_equal(arrows[0].get_ydata(), below["upper"])


def test_samples_above_and_between_limits_are_drawn_apart(six):
    table = six.observations.copy()
    first = table.index[table["subject"] == "SIM-01"][:2]
    table.loc[first[0], ["censoring", "lower", "upper"]] = [2, 900.0, np.inf]
    table.loc[first[1], ["censoring", "lower", "upper"]] = [3, 10.0, 50.0]
    figure = individual_fits(table, six.bands, output=OUTPUT, subjects=six.subjects[:1], limit=50.0)
    assert "above ULOQ" in texts(figure)
    assert "between two limits" in texts(figure)
    svg(figure)


def test_the_limit_and_its_unit_are_in_the_legend(six):
    assert "LLOQ 50 copies/µg" in texts(fits(six))


def test_a_missed_gate_stands_beside_the_name(six):
    assert "SIM-05  (gate missed)" in texts(fits(six, remarks={"SIM-05": "gate missed"}))


def test_censored_samples_have_no_residual_dot(six):
    figure = goodness_of_fit(six.gof, output=OUTPUT, unit="copies/ug")
    drawn = sum(len(line.get_xdata()) for line in figure.axes[1].lines if line.get_marker() != "None")
    assert drawn == six.gof["residual"].notna().sum()


def test_without_normal_scores_a_histogram_takes_the_place_of_the_qq_plot(six):
    figure = goodness_of_fit(six.gof.drop(columns="theoretical_quantile"), output=OUTPUT)
    assert "standard normal curve" in texts(figure)


def test_the_forest_marks_what_the_data_did_not_inform(six):
    assert "not informed by the data" in texts(forest(six.parameters))
    assert "not informed" not in texts(forest(six.parameters.assign(informed=True)))


def test_the_forest_does_without_the_prior(six):
    figure = forest(six.parameters.drop(columns=["prior_lower", "prior_upper"]))
    assert "prior, 90% interval" not in texts(figure)


def test_burn_in_is_said_whether_or_not_it_is_stored(six):
    stored = six.traces["SIM-01"]
    assert "2,000 steps are burn-in (shaded)" in texts(trace_plot(stored, subject="SIM-01"))
    kept = stored._replace(steps=np.asarray(stored.steps) + 2000)
    assert "2,000 steps are burn-in (not shown)" in texts(trace_plot(kept, subject="SIM-01"))


def test_a_trace_may_come_as_a_plain_tuple(six):
    names, values = six.traces["SIM-01"][:2]
    assert "tmax" in texts(trace_plot((names, values), subject="SIM-01"))


def test_parameters_that_never_change_are_left_out_of_the_corner_and_named(six):
    draws = six.draws["SIM-01"][["tmax", "beta"]].assign(fixed=1.0)
    assert "constant, left out: fixed" in texts(corner_plot(draws, subject="SIM-01"))


def test_a_corner_of_too_few_draws_says_so(six):
    assert "too few draws" in texts(corner_plot(six.draws["SIM-01"].iloc[:2], subject="SIM-01"))


def test_a_trajectory_panel_is_logarithmic_only_where_values_span_much(six):
    time = np.linspace(0.0, 100.0, 50)
    table = pd.DataFrame({"time": time, "subject": "a", "car_t": np.exp(-time / 5), "sbcma": 100.0 + time})
    figure = trajectory(table, units={"car_t": "cells/uL", "sbcma": "ng/mL"})
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]
    assert "CAR T (cells/µL)" in texts(figure)


def test_a_crowd_of_trajectories_needs_no_legend(six):
    table = pd.concat(
        [pd.DataFrame({"time": [0.0, 1.0], "subject": str(k), "y": [1.0, k]}) for k in range(50)]
    )
    assert len(trajectory(table).axes[0].lines) == 50


def test_the_hero_holds_six_panels_and_its_label(six, withheld):
    figure = hero(six, output=OUTPUT)
    assert "SIMULATED DATA" in texts(figure)
    assert figure.get_figwidth() == 9.0
    with pytest.raises(ValueError, match="show_observations"):
        hero(withheld, output=OUTPUT)


def test_a_stamp_is_written_into_the_figure_itself(six):
    figure = contraction_map(six.parameters)
    stamp(figure, ["SIMULATED DATA"])
    assert "SIMULATED DATA" in texts(figure)


@pytest.mark.parametrize("render", [png, svg])
def test_the_same_table_gives_the_same_file(six, render):
    table = six.parameters[six.parameters["name"].isin(["tmax", "beta"])]
    assert render(forest(table)) == render(forest(table))


def test_an_svg_names_no_date_and_no_network_address_but_its_own_schema(six):
    text = svg(convergence(six.parameters, gate_limits={})).decode()
    assert "<dc:date>" not in text
    assert "<image" not in text


def test_drawing_leaves_matplotlib_as_it_was(six):
    before = dict(matplotlib.rcParams)
    png(convergence(six.parameters, gate_limits=six.gate_limits))
    assert dict(matplotlib.rcParams) == before


def test_hostile_names_are_drawn_as_they_are(six):
    name = r"<script>$\frac{1}{$_&"
    table = six.parameters[six.parameters["subject"] == "SIM-01"].assign(subject=name)
    figure = forest(table)
    assert name in texts(figure)
    assert b"<script>" not in svg(figure)


@pytest.mark.parametrize("kept", ["all censored", "one sample", "none"])
def test_poor_data_are_drawn_without_a_complaint(alone, kept):
    samples, gof = alone.observations, alone.gof
    if kept == "all censored":
        samples = samples.assign(censoring=1, value=50.0, lower=0.0, upper=50.0)
        gof = gof.assign(censoring=1, observed=50.0, residual=np.nan, theoretical_quantile=np.nan)
    else:
        rows = 1 if kept == "one sample" else 0
        samples, gof = samples.iloc[:rows], gof.iloc[:rows]
    figure = individual_fits(samples, alone.bands, output=OUTPUT, subjects=alone.subjects, limit=50.0)
    assert svg(figure).startswith(b"<?xml")
    assert svg(goodness_of_fit(gof, output=OUTPUT)).startswith(b"<?xml")


def test_diagnostics_that_could_not_be_calculated_are_drawn_without_a_complaint(alone):
    table = alone.parameters.assign(r_hat=np.nan, ess_bulk=np.nan, ess_tail=np.nan, contraction=np.nan)
    for figure in (convergence(table, gate_limits=alone.gate_limits), contraction_map(table)):
        assert png(figure).startswith(b"\x89PNG")


def test_a_prior_without_draws_and_an_empty_trace_are_drawn(alone):
    empty = {"A": pd.DataFrame({"tmax": []})}
    assert svg(prior_posterior(alone.priors[["tmax"]], empty)).startswith(b"<?xml")
    assert svg(trace_plot(Trace(("tmax",), np.empty((2, 0, 1))), subject="A")).startswith(b"<?xml")
