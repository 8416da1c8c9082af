"""The flagship's controls do what they say; the virtual patients are those of the trials."""

import numpy as np
import pytest

from cartsim.cohort import myeloma_scenario
from cartsim.cohort.myeloma_scenario import MyelomaScenario
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.scenario import GRADES, started
from cartsim.kernels.methods import Rodas5P

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scenario():
    return MyelomaScenario()


def test_doses_of_the_products_are_the_start_and_switching_resets_them(scenario):
    assert started(scenario)["dose"] == 450e6
    assert started(scenario, {"product": "slow"})["dose"] == pytest.approx(0.75e6 * 75.0)


def test_virtual_patients_are_those_of_the_trial(scenario):
    trial = outcome_table(scenario.population("fast"), scenario.patients)
    rows = scenario.treated(started(scenario)).rows
    assert rows[1:, scenario.model.index("myeloma_start")] == pytest.approx(trial["burden"].to_numpy())
    shown = scenario.picture({})
    assert (shown.solved, shown.failed) == (scenario.patients + 1, 0)
    # The trial spreads the dose by 20 %, the page gives all the same: grades differ by little.
    expected = 1.0 - trial["crs"].mean()
    assert shown.crs.shares[GRADES[0]] == pytest.approx(expected, abs=0.11)
    assert sum(shown.crs.shares.values()) == pytest.approx(1.0)
    assert sum(shown.response.shares.values()) == pytest.approx(1.0)


def test_more_cells_expand_more_and_a_tiny_dose_does_not_respond(scenario):
    peaks = [scenario.picture({"dose": dose}).curves["car_t"].line.max() for dose in (1e6, 450e6)]
    assert peaks[1] > 3.0 * peaks[0]
    few = scenario.picture({"dose": 1e6})
    assert few.response.best == "SD"
    assert scenario.picture({}).response.best == "sCR"
    assert any("extrapolation" in line for line in few.remarks)


def test_burden_moves_every_patients_own(scenario):
    first = started(scenario)
    once, twice = (scenario.treated({**first, "burden": b}).rows for b in (5e11, 1e12))
    k = scenario.model.index("myeloma_start")
    assert twice[:, k] == pytest.approx(2.0 * once[:, k])
    assert np.delete(twice, k, axis=1) == pytest.approx(np.delete(once, k, axis=1))


@pytest.mark.parametrize("day", [0.0, 2.0, 9.3])
def test_tocilizumab_on_a_day_is_given_on_that_day(scenario, day):
    assert scenario.picture({"tocilizumab": "day", "toci_day": day}).drugs == ((day, "tocilizumab"),)


def test_tocilizumab_after_fever_comes_so_many_hours_after_the_limit(scenario):
    given = {"tocilizumab": "fever", "fever_limit": 38.0}
    (soon,), (late,) = (scenario.picture({**given, "toci_after": h}).drugs for h in (0.0, 24.0))
    assert late[0] - soon[0] == pytest.approx(1.0, abs=1e-6)
    none = scenario.picture({**given, "fever_limit": 40.5})
    assert none.drugs == ()
    assert any("no tocilizumab" in line for line in none.remarks)


def test_tocilizumab_before_fever_prevents_and_none_lets_fever_last(scenario):
    early, never = (
        scenario.picture(values).crs
        for values in ({"tocilizumab": "day", "toci_day": 0.0}, {"tocilizumab": "none"})
    )
    assert early.shares["no CRS"] > never.shares["no CRS"] + 0.3
    assert never.end > scenario.picture({}).crs.end


def test_dexamethasone_shortens_fever(scenario):
    alone = {"tocilizumab": "none"}
    with_it = scenario.picture({**alone, "dexamethasone": "on"})
    assert [drug for _, drug in with_it.drugs] == ["dexamethasone"]
    assert with_it.crs.end < scenario.picture(alone).crs.end


def test_any_corner_of_the_controls_gives_a_picture(scenario):
    dials = [c for c in scenario.controls({}) if hasattr(c, "lowest")]
    for share in (0.0, 1.0):
        values = {dial.name: dial.at(share) for dial in dials}
        for how in ("policy", "fever", "day", "none"):
            shown = scenario.picture({**values, "tocilizumab": how, "dexamethasone": "on"})
            assert shown.failed == 0
            assert all(np.isfinite(curve.line).all() for curve in shown.curves.values())


def test_failed_solves_are_counted_and_leave_no_curves(scenario, monkeypatch):
    monkeypatch.setattr(myeloma_scenario, "Rodas5P", lambda rtol: Rodas5P(rtol=rtol, max_steps=3))
    shown = scenario.picture({})
    assert shown.curves == {}
    assert shown.failed == shown.solved == scenario.patients + 1
    assert shown.reasons == {"step cap reached": shown.failed}
