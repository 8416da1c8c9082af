"""Dials keep to their ends; CRS and response of a scenario are those of curves made by hand."""

import numpy as np
import pytest

from cartsim.cohort.model_scenario import ModelScenario
from cartsim.cohort.scenario import Dial, crs_seen, curves_of, days_to, response_seen, started
from cartsim.errors import CartsimError
from cartsim.models import load_model

STEIN = "stein2019_tisagenlecleucel"


def test_a_dial_runs_by_equal_factors_between_its_ends():
    dial = Dial("dose", "Dose", "cells", 1e6, 1e8, 1e7)
    assert [dial.at(share) for share in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [1e6, 1e6, 1e7, 1e8, 1e8]
    assert dial.share(1e7) == pytest.approx(0.5)
    assert dial.share(1e9) == 1.0
    assert dial.at(dial.share(2.35e6)) == pytest.approx(2.35e6)


def test_the_left_end_of_a_dose_may_mean_none():
    assert Dial("dose", "Dose", "mg", 1.0, 10.0, 5.0, zero=True).at(0.0) == 0.0


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 1.0), (1.0, np.inf), (np.nan, 1.0)])
def test_a_dial_without_a_way_is_refused(ends):
    with pytest.raises(CartsimError, match="impossible ends"):
        Dial("dose", "Dose", "cells", *ends, 1.0)


def test_a_dial_matters_where_its_choice_is_made():
    dial = Dial("day", "Day", "day", 0.0, 9.0, 3.0, log=False, needs=(("drug", "day"), ("other", "on")))
    assert dial.matters({"drug": "day", "other": "off"})
    assert dial.matters({"drug": "none", "other": "on"})
    assert not dial.matters({"drug": "none", "other": "off"})


def made(days, peaks):
    """Fever and IL-6 up on day 4, down on day 8; one row a peak of IL-6."""
    shape = np.interp(days, [0.0, 3.0, 4.0, 8.0, 9.0, 40.0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    fever = 37.0 + 2.0 * shape[None] * (np.array(peaks) > 1.0)[:, None]
    return {"temperature": fever, "il6_signal": 1.0 + np.array(peaks)[:, None] * shape[None]}


def test_shares_of_grades_are_means_over_the_patients_behind_the_line():
    days = np.arange(0.0, 40.01, 0.25)
    peaks = [50.0, 999.0, 0.5, 1e6]
    good, none = np.array([True, True, True, False]), np.full(4, np.nan)
    seen = crs_seen(days, made(days, peaks), good, therapy=none, theta_2=3.5)
    two, three = (1.0 / (1.0 + np.exp(cut - 1.23 * 3.0)) for cut in (3.5, 5.4))
    assert seen.onset == pytest.approx(3.5)  # straight from 37 to 39 within day 3 to 4
    assert seen.end == pytest.approx(8.6)
    # Row 0 is the line, row 3 failed: half of the others has CRS.
    expected = (0.5, (1.0 - two) / 2.0, (two - three) / 2.0, three / 2.0)
    assert tuple(seen.shares.values()) == pytest.approx(expected)


def test_a_drug_before_fever_does_not_end_the_reading_one_after_it_does():
    days = np.arange(0.0, 40.01, 0.25)
    peaks, good = [999.0, 999.0], np.array([True, True])
    early, late, never = (
        crs_seen(days, made(days, peaks), good, therapy=np.full(2, day)) for day in (0.0, 3.6, np.nan)
    )
    assert early == never
    assert never.onset == pytest.approx(3.5)
    assert np.isnan(late.onset)  # fever of 2.4 hours before the drug is too short
    assert late.shares["no CRS"] == 1.0


def test_response_follows_m_protein_and_shares_leave_failed_patients_out():
    days = np.arange(0.0, 361.0)
    falling = np.interp(days, [0.0, 30.0, 60.0, 360.0], [3.0, 1.2, 0.2, 0.2])
    rising = np.interp(days, [0.0, 30.0, 360.0], [3.0, 3.0, 9.0])
    m_protein = np.vstack([falling, falling, rising, rising])
    marrow, chain = np.full((4, 361), 0.2), np.full((4, 361), 15.0)
    outputs = {"m_protein": m_protein, "marrow_fraction": marrow, "free_light_chain": chain}
    visits = np.array([30.0, 60.0, 90.0])
    seen = response_seen(
        days, outputs, np.array([True, True, True, False]), visits=visits, immunofixation=0.02
    )
    assert seen.visits == ((30.0, "PR"), (60.0, "VGPR"), (90.0, "VGPR"))
    assert (seen.best, seen.measured_by) == ("VGPR", "m_protein")
    assert seen.shares == {"VGPR": 0.5, "SD": 0.5}


def test_days_rise_to_the_last_one_with_quarters_where_crs_runs():
    days = days_to(365.0)
    assert days[0] == 0.0
    assert days[-1] == 365.0
    assert np.diff(days[days <= 30.0]).max() <= 0.25 + 1e-9
    assert days_to(0.5)[-1] == 0.5


@pytest.fixture(scope="module")
def stein():
    return ModelScenario(load_model(STEIN))


def test_a_models_dials_start_at_its_own_values_and_move_its_curves(stein):
    first = started(stein)
    model = stein.model
    assert {name: first[name] for name in ("foldx", "tmax")} == pytest.approx(
        {name: model.parameter(name).value for name in ("foldx", "tmax")}
    )
    shown, higher = stein.picture({}), stein.picture({"cmax": 2.0 * first["cmax"]})
    assert (shown.solved, shown.failed) == (1, 0)
    at = slice(1, None)
    both = higher.curves["car_transgene"].line[at] / shown.curves["car_transgene"].line[at]
    assert both == pytest.approx(np.full(len(both), 2.0), rel=1e-9)
    assert shown.curves["car_transgene"].lower is None


def test_the_last_day_is_a_dial(stein):
    assert stein.picture({"until": 28.0}).days[-1] == 28.0


def test_what_is_no_control_is_named_with_those_that_are(stein):
    with pytest.raises(CartsimError, match=r"no such control.*speed.*foldx"):
        stein.picture({"speed": 3.0})


def test_only_parameters_that_the_model_leaves_free_get_a_dial_and_their_range_is_said(stein):
    dials = [item for item in stein.controls({}) if item.name in stein.model.parameter_names]
    assert len(dials) > 2
    for dial in dials:
        declared = stein.model.parameter(dial.name)
        assert not declared.fixed
        assert dial.lowest == pytest.approx(float(declared.prior.quantile(0.05)))
        assert "90 % of its prior" in dial.about


def test_a_band_holds_the_good_rows_behind_the_line():
    model = load_model(STEIN)
    values = np.array([5.0, 1.0, 2.0, 3.0, 1e9])[:, None, None]
    curve = curves_of(model, values, np.array([True, True, True, True, False]))["car_transgene"]
    assert (curve.line[0], curve.lower[0], curve.upper[0]) == pytest.approx((5.0, 1.1, 2.9))


def test_every_dial_starts_inside_its_limits_and_goes_through_all_of_them(stein):
    dials = [item for item in stein.controls({}) if isinstance(item, Dial)]
    assert len(dials) > 2
    for dial in dials:
        assert dial.lowest <= started(stein)[dial.name] <= dial.highest
        assert dial.at(0.0) == (0.0 if dial.zero else pytest.approx(dial.lowest, rel=0.01))
        assert dial.at(1.0) == pytest.approx(dial.highest, rel=0.01)
        middle = dial.at(0.5)
        assert dial.at(dial.share(middle)) == pytest.approx(middle, rel=0.01)


def test_the_curves_follow_a_dial_and_only_the_settings_decide(stein):
    chosen = started(stein)
    known = stein.model.parameter_names
    dial = next(item for item in stein.controls({}) if item.name in known)
    before = stein.picture(chosen)
    again = stein.picture(dict(chosen))
    after = stein.picture(chosen | {dial.name: dial.at(0.9)})
    name = next(iter(before.curves))
    assert np.array_equal(before.curves[name].line, again.curves[name].line)
    assert not np.allclose(before.curves[name].line, after.curves[name].line)


def test_a_setting_that_does_not_exist_is_refused(stein):
    with pytest.raises(CartsimError, match="nothing"):
        started(stein, {"nothing": 1.0})
