"""A committed fit on the page: the curves of its own draws, its samples, another dose."""

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.scenario import started
from cartsim.errors import CartsimError
from cartsim.study.fit_scenario import DRAWS, fit_scenario


@pytest.fixture(scope="module")
def six(project):
    return fit_scenario(project / "fits" / "six_patients")


def test_the_line_runs_through_the_samples_of_the_patient_chosen(six, project):
    draws = pd.read_csv(project / "fits" / "six_patients" / "draws.csv")
    sigma = draws.groupby("subject")["sigma_car_transgene"].median()
    for patient in six.patients:
        shown = six.picture({"patient": patient})
        curve, samples = shown.curves["car_transgene"], shown.samples["car_transgene"]
        days, values = zip(*((s.day, s.value) for s in samples if not s.below), strict=True)
        off = np.log(np.interp(days, shown.days, curve.line) / np.array(values))
        # Half of normal residuals are within 0.67 sd; a sample of ten may be off by half of that.
        assert np.median(np.abs(off)) < sigma[patient]
        assert (curve.lower <= curve.line).all()
        assert (curve.line <= curve.upper).all()
        assert shown.failed == 0


def test_line_and_band_are_quantiles_of_the_committed_draws(six, project):
    draws = pd.read_csv(project / "fits" / "six_patients" / "draws.csv")
    draws = draws[draws["subject"] == "SIM-2"].reset_index(drop=True)
    chosen = draws.iloc[np.linspace(0, len(draws) - 1, DRAWS).round().astype(int)]
    shown = six.picture({"patient": "SIM-2"})
    late = shown.days > 200.0  # only the terminal phases are left of Stein's curve
    t = shown.days[late][None] - chosen["tmax"].to_numpy()[:, None]
    alpha, beta, fb, cmax = (chosen[n].to_numpy()[:, None] for n in ("alpha", "beta", "fb", "cmax"))
    curves = cmax * ((1.0 - fb) * np.exp(-alpha * t) + fb * np.exp(-beta * t))
    assert shown.curves["car_transgene"].line[late] == pytest.approx(np.median(curves, axis=0), rel=1e-6)
    low = np.quantile(curves, 0.05, axis=0)
    assert shown.curves["car_transgene"].lower[late] == pytest.approx(low, rel=1e-6)


def test_a_model_without_a_dose_says_so_and_simulated_data_are_called_so(six):
    assert "dose" not in started(six)
    remarks = " ".join(six.picture({}).remarks)
    assert "takes no dose" in remarks
    assert "SIMULATED" in remarks
    assert six.picture({}).limits == {"car_transgene": 50.0}


def test_an_unknown_patient_is_named_with_the_known_ones(six):
    with pytest.raises(CartsimError, match=r"nobody.*SIM-1"):
        six.picture({"patient": "nobody"})


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(CartsimError, match="neither the output folder"):
        fit_scenario(tmp_path)


@pytest.mark.slow
def test_another_dose_is_scaled_from_the_one_given_and_said(project):
    fit = fit_scenario(project / "fits" / "six_patients_mechanistic")
    own = started(fit)
    shown, more = fit.picture(own), fit.picture({**own, "dose": 10.0 * own["dose"]})
    peak = {name: p.curves["car_t"].line[p.days <= 3.0].max() for name, p in (("own", shown), ("more", more))}
    assert peak["more"] > 3.0 * peak["own"]
    assert any("Another dose" in line for line in more.remarks)
    assert not any("Another dose" in line for line in shown.remarks)
    assert shown.crs.shares["grade 1"] > 0.5  # the patient had fever
    assert shown.response.best in ("PR", "VGPR", "CR", "sCR")


@pytest.mark.slow
def test_a_patient_of_a_population_fit_has_its_own_parameters_and_its_own_course(project):
    fit = fit_scenario(project / "fits" / "theophylline_simulated")
    assert len({tuple(fit.rows(name)[0]) for name in fit.patients}) == len(fit.patients)
    shown = fit.picture({})
    days, values = zip(*((s.day, s.value) for s in shown.samples["theophylline"] if s.day > 0), strict=True)
    line = np.interp(days, shown.days, shown.curves["theophylline"].line)
    assert np.median(np.abs(line - np.array(values))) < 1.0  # mg/L; the residual sd is about 0.7
