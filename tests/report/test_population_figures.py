"""Figures of a population fit show percentiles, limits and errors, and hide samples when told to."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from cartsim.infer.npde import npde
from cartsim.infer.population_table import population_table
from cartsim.infer.shrinkage import eta_covariates, eta_table, shrinkage_table
from cartsim.infer.vpc import vpc
from cartsim.report.eta_plot import eta_covariate_plot, eta_distributions
from cartsim.report.npde_plot import npde_plot
from cartsim.report.population_forest import population_forest
from cartsim.report.style import png
from cartsim.report.vpc_plot import vpc_plot
from tests.infer import stein_population as stein

OUTPUT, UNIT = "car_transgene", "copies/ug"


def texts(figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module")
def table():
    return stein.observed(np.random.default_rng(5))


@pytest.fixture(scope="module")
def replicates(table):
    return stein.simulated(np.random.default_rng(6), table, 120)


def samples(figure):
    return [line for axes in figure.axes for line in axes.lines if line.get_marker() == "."]


def test_samples_are_drawn_only_where_allowed(table, replicates):
    found = vpc(table, replicates)
    shown = samples(vpc_plot(found, output=OUTPUT, unit=UNIT))
    assert sum(np.isfinite(line.get_ydata()).sum() for line in shown) == (table["censoring"] == 0).sum()
    assert not samples(vpc_plot(found, output=OUTPUT, unit=UNIT, show_observations=False))


def test_each_stratum_has_its_column_and_the_limit_its_line(table, replicates):
    product = np.where(table["subject"] < "SIM-21", "A", "B")
    figure = vpc_plot(vpc(table.assign(stratum=product), replicates), output=OUTPUT, unit=UNIT)
    assert len(figure.axes) == 4
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["A", "B"]
    assert "LLOQ 50" in texts(figure)
    png(figure)


def test_no_share_of_any_stratum_is_cut_off(table, replicates):
    """The first column's shares reach far above the last one's."""
    late = table["time"] > 30.0
    stratum = np.where(late, "B", "A")  # most samples of the first days are below the limit
    found = vpc(table.assign(stratum=stratum), replicates)
    top = found.censored.groupby("stratum")["simulated_upper"].max()
    assert top["A"] > top["B"] + 5.0
    figure = vpc_plot(found, output=OUTPUT, unit=UNIT)
    assert all(axes.get_ylim()[1] > found.censored["simulated_upper"].max() for axes in figure.axes[2:])


def test_no_percentile_is_drawn_below_the_limit(table, replicates):
    prediction = stein.stein(stein.MEDIAN[None], table["time"].to_numpy())[0]
    edges = np.array([0.0, 6.0, 20.0, 100.0, 366.0])
    found = vpc(table, replicates, prediction=prediction, bins=edges)
    figure = vpc_plot(found, output=OUTPUT, unit=UNIT, show_observations=False)
    assert "Prediction-corrected" in figure.axes[0].get_ylabel()
    curves = [
        line for line in figure.axes[0].lines if len(line.get_xdata()) == 4 and line.get_marker() == "o"
    ]
    limit = found.bins["limit"].to_numpy()
    assert len(curves) == 3
    for line in curves:
        values = np.asarray(line.get_ydata(), dtype=float)
        assert (np.isnan(values) | (values >= limit)).all()


def test_a_percentile_below_the_limit_where_the_model_has_none_is_marked(table, replicates):
    figure = vpc_plot(vpc(table, 50.0 * replicates), output=OUTPUT, unit=UNIT)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert sum(len(line.get_xdata()) for line in marks) > 0


def test_prediction_errors_show_their_tests(table, replicates):
    figure = npde_plot(npde(table, replicates, np.random.default_rng(1)), output=OUTPUT, unit=UNIT)
    assert "variance" in texts(figure)
    drawn = [line for line in figure.axes[2].lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in drawn) == len(table)
    png(figure)


def test_etas_and_population_are_drawn_with_their_numbers():
    rng = np.random.default_rng(3)
    names, subjects = ["tmax", "fb"], [f"P{k}" for k in range(12)]
    draws = rng.standard_normal((50, 12, 2)) * 0.1 + rng.standard_normal((12, 2)) * [1.0, 0.3]
    omega = np.ones((50, 2))
    shrunk, etas = shrinkage_table(draws, omega, names), eta_table(draws, names, subjects)
    title = texts(eta_distributions(etas, shrunk))
    assert f"{100 * shrunk['shrinkage'].iloc[1]:.0f}%" in title
    covariates = pd.DataFrame({"subject": subjects, "age": rng.normal(60, 5, 12), "arm": ["a", "b"] * 6})
    figure = eta_covariate_plot(etas, covariates, eta_covariates(etas, covariates))
    assert len(figure.axes) == 4
    png(figure)
    rows = population_table(
        np.exp(0.1 * rng.standard_normal((50, 2))), omega, names, log_normal=[True, False]
    )
    words = texts(population_forest(rows))
    assert "RSE" in words
    assert "SD, logit" in words
