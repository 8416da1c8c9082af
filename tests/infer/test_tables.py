"""Tables of a fit: quantiles of the draws, contraction, bands that hold the data, residuals, netCDF."""

import warnings

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.diagnose import GateReport, diagnose
from cartsim.infer.draws import Draws
from cartsim.infer.settings import SolveCounts
from cartsim.infer.tables import band_table, gof_table, parameter_table
from tests.infer import small_fit


@pytest.fixture(scope="module")
def problem():
    return small_fit.patient_problem()


@pytest.fixture(scope="module")
def draws(problem):
    """Known draws: every parameter tight around the truth, but `beta` exactly as its prior has it."""
    rng = np.random.default_rng(1)
    truth = problem.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.0079, 0.0032, 0.4]])[0]
    u = truth + 0.05 * rng.standard_normal((4, 500, 16, problem.ndim))
    beta = problem.names.index("beta")
    u[..., beta] = problem.priors[beta].unconstrain(problem.priors[beta].sample(rng, (4, 500, 16)))
    return Draws(
        subject="SIM-1",
        names=problem.names,
        values=problem.constrain(u.reshape(-1, problem.ndim)).reshape(u.shape),
        log_posterior=np.zeros(u.shape[:3]),
        seed=7,
        burn_in=100,
        versions={"cartsim": "0"},
        fingerprint={"error model": "abc"},
        diagnostics=diagnose(u, problem.names).table(),
        gates=GateReport(True, "R-hat 1.000"),
        solve_counts=SolveCounts(10, 0, 0),
        acceptance=np.full(4, 0.3),
    )


def test_the_parameter_table_has_one_row_a_quantity_with_its_interval(draws, problem):
    table = parameter_table(draws, problem).set_index("name")
    assert table.index.tolist() == list(problem.names)
    assert table.columns.tolist() == [
        "subject", "meaning", "unit", "prior", "median", "lower", "upper", "mean", "sd",
        "contraction", "informed", "r_hat", "ess_bulk", "ess_tail", "tau",
    ]  # fmt: skip
    row = table.loc["tmax"]
    assert row["median"] == pytest.approx(9.3, rel=0.01)
    assert row["upper"] / row["lower"] == pytest.approx(np.exp(2 * 1.645 * 0.05), rel=0.01)
    assert (row["unit"], row["meaning"]) == ("day", "time of the peak, end of expansion")
    assert row["prior"].startswith("log-normal, median 9.3 day")


def test_contraction_tells_what_the_data_informed(draws, problem):
    table = parameter_table(draws, problem).set_index("name")
    assert table.loc["tmax", "contraction"] == pytest.approx(1.0 - (0.05 / 0.38) ** 2, abs=0.002)
    assert table.loc["beta", "contraction"] == pytest.approx(0.0, abs=0.03)
    assert bool(table.loc["tmax", "informed"]) is True
    assert bool(table.loc["beta", "informed"]) is False


def test_bands_are_quantiles_of_the_model_and_wider_for_new_measurements(draws, problem):
    times = np.array([0.0, 9.3, 30.0])
    bands = band_table(draws, problem, times)
    assert bands["time"].tolist() == times.tolist()
    assert (bands["lower"] < bands["median"]).all()
    assert (bands["median"] < bands["upper"]).all()
    assert (bands["predictive_lower"] < bands["lower"]).all()
    assert (bands["predictive_upper"] > bands["upper"]).all()
    assert bands.equals(band_table(draws, problem, times)), "the same seed gives the same band"


def test_predictive_bands_hold_ninety_percent_of_new_measurements(draws, problem):
    band = band_table(draws, problem, np.array([9.3])).iloc[0]
    rng = np.random.default_rng(3)
    values = draws.flat(4_000)
    new = problem.errors["car_transgene"].draw(
        rng, problem.predict(values, np.array([9.3]))[:, 0, 0], *problem.sigma_of(values, "car_transgene")
    )
    inside = np.mean((new > band["predictive_lower"]) & (new < band["predictive_upper"]))
    assert inside == pytest.approx(0.90, abs=0.03)  # 1,000 draws fix each end to 0.7%


def test_residuals_are_in_sds_and_missing_where_censored(draws, problem):
    table = gof_table(draws, problem)
    assert len(table) == len(problem.arrays.time)
    censored = table["censoring"] == 1
    assert censored.any()
    assert table.loc[censored, "residual"].isna().all()
    seen = table[~censored]
    expected = (np.log(seen["observed"]) - np.log(seen["predicted"])) / 0.4
    assert seen["residual"].to_numpy() == pytest.approx(
        expected.to_numpy(), rel=0.02
    )  # sd is a posterior median


def test_draws_can_be_taken_by_name_flat_and_thinned(draws):
    assert draws.of("tmax").shape == (4, 500, 16)
    assert draws.flat().shape == (32_000, 7)
    assert draws.flat(100).shape == (100, 7)
    assert draws.thin(10).values.shape == (4, 50, 16, 7)
    assert draws.thin(10).thin(5).thinned == 50
    assert draws.to_dataframe(10).columns.tolist() == list(draws.names)
    with pytest.raises(FitError, match="tmx"):
        draws.of("tmx")


def test_inference_data_has_ensembles_as_chains_and_survives_netcdf(draws, problem, tmp_path):
    data = draws.to_inferencedata(problem)
    assert set(data.groups()) == {"posterior", "sample_stats", "log_likelihood", "observed_data"}
    assert data.posterior.sizes["chain"] == 4
    assert data.posterior.sizes["draw"] <= 4_000
    assert data.log_likelihood["observation"].dims == ("chain", "draw", "row")
    stats = data.sample_stats
    first = {"chain": 2, "draw": 37}
    ensemble, step, walker = 2, int(stats["step"][first]) - draws.burn_in, int(stats["walker"][first])
    assert float(data.posterior["tmax"][first]) == draws.of("tmax")[ensemble, step, walker]
    values = np.array([[float(data.posterior[name][first]) for name in draws.names]])
    assert data.log_likelihood["observation"][first].to_numpy() == pytest.approx(problem.pointwise(values)[0])
    path = tmp_path / "fit.nc"
    data.to_netcdf(str(path), engine="h5netcdf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    back = arviz.from_netcdf(str(path), engine="h5netcdf")
    assert np.array_equal(back.posterior["tmax"], data.posterior["tmax"])
    assert back.posterior.attrs["subject"] == "SIM-1"
