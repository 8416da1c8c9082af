"""Rules fire at the moment their signal passes the limit, and the solver restarts exactly there."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from cartsim.kernels.methods import DormandPrince, Rodas4, Rodas5P
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.solve.batch import Batch
from tests.kernels.test_stops import drug_after_bolus, drug_after_infusion
from tests.problems import BEDSIDE, FEVER, solved, watched

TIGHT = Rodas5P(rtol=1e-10)
# Errors of a few hundred steps at rtol 1e-10, on values of order 10.
NEAR = {"rel": 1e-8, "abs": 1e-8}
NOTHING, CELLS = (Dose(0.0),), (Dose(3.0),)
TIMES = np.linspace(0.0, 12.0, 49)
DEPOT, DRUG, CLONE = (BEDSIDE.state_names.index(name) for name in ("depot", "drug", "clone"))


def fall_to(level: float) -> float:
    """Day when the clone, 100 exp(-t / 2), has fallen so far."""
    return 2.0 * np.log(100.0 / level)


def run(*rules: Rule, times=TIMES, method=TIGHT, doses=(), **values: float) -> Batch:
    result = solved(BEDSIDE, times, method, events=watched(*rules, doses=doses), **values)
    assert result.status.tolist() == [0]
    return result


def days(result: Batch, count: int | None = None) -> list[float]:
    """When the rules of the only patient fired, slots that stayed empty left out."""
    found = result.firings[0][:count]
    return found[np.isfinite(found)].tolist()


def passings() -> dict[str, tuple[Rule, dict, tuple, float]]:
    """A rule, parameters and doses, and when it fires by a formula, on both sides of a limit."""
    peak = brentq(lambda t: 2.0 * np.exp(-2.0 * t) - 0.3 * np.exp(-0.3 * t), 0.5, 3.0)
    up = brentq(lambda t: drug_after_bolus(t, 10.0) - 5.0, 0.0, peak, xtol=1e-15)
    down = brentq(lambda t: drug_after_bolus(t, 10.0) - 5.0, peak, 9.0, xtol=1e-15)
    dose = (Dose(10.0),)
    return {
        "decay": (Rule("r", "clone", NOTHING, below=20.0), {}, (), fall_to(20.0)),
        "growth": (
            Rule("r", "signal", NOTHING, above=30.0),
            {"growth": 0.7, "by_wild": 1.0},
            (),
            np.log(30.0) / 0.7,
        ),
        "rise of a drug": (Rule("r", "drug", NOTHING, above=5.0), {}, dose, up),
        "fall of a drug": (Rule("r", "drug", NOTHING, below=5.0, start=peak), {}, dose, down),
        "a sine falls": (Rule("r", "d", NOTHING, below=0.25), {"pace": 1.0}, (), np.sqrt(np.arccos(0.25))),
        "a sine rises": (
            Rule("r", "d", NOTHING, above=0.25, start=1.2),
            {"pace": 1.0},
            (),
            np.sqrt(2.0 * np.pi - np.arccos(0.25)),
        ),
    }


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("case", passings())
def test_a_rule_fires_when_its_signal_passes(case, rtol):
    rule, values, doses, day = passings()[case]
    late = run(rule, times=[0.0, 8.0], doses=doses, method=Rodas5P(rtol=rtol), **values)
    # Global errors are some ten tolerances; slopes of these signals at the limit are 0.5 or more, one in two
    # units of signal a day.
    assert days(late, 1) == pytest.approx([day], abs=200.0 * rtol)


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_a_passing_inside_a_long_step_is_found_as_well(rtol):
    """A state that hardly bends takes steps of weeks."""
    rule = Rule("r", "signal", NOTHING, above=40.5)
    result = run(rule, times=[100.0], method=Rodas5P(rtol=rtol, first_step=100.0), by_day=1.0, fading=0.001)
    assert days(result, 1) == pytest.approx([40.5], rel=1e-11)
    assert result.counts[0, 0] < 20


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
def test_after_a_triggered_bolus_the_solution_is_that_of_a_dose_at_the_true_moment(rtol):
    result = run(Rule("r", "clone", CELLS, below=20.0), method=Rodas5P(rtol=rtol))
    expected = drug_after_bolus(TIMES - fall_to(20.0), 3.0)
    assert np.abs(result.states[:, DRUG] - expected).max() < 200.0 * rtol


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Rodas4, DormandPrince])
def test_the_other_methods_restart_as_exactly(kind):
    for rtol in (1e-4, 1e-7):
        result = run(Rule("r", "clone", CELLS, below=20.0), method=kind(rtol=rtol))
        expected = drug_after_bolus(TIMES - fall_to(20.0), 3.0)
        assert np.abs(result.states[:, DRUG] - expected).max() < 500.0 * rtol


def test_a_delayed_dose_is_given_so_many_days_after_the_moment():
    result = run(Rule("r", "clone", (Dose(3.0, 0.5),), below=20.0))
    assert days(result) == pytest.approx([fall_to(20.0)], **NEAR)
    expected = drug_after_bolus(TIMES - fall_to(20.0) - 0.5, 3.0)
    assert result.states[:, DRUG] == pytest.approx(expected, **NEAR)


def test_a_rule_can_order_an_infusion_and_orders_may_overlap():
    gives = (Dose(6.0, 0.2, 2.0), Dose(2.0), Dose(4.0, 1.0, 1.0))
    result = run(Rule("r", "clone", gives, below=20.0))
    since = TIMES - fall_to(20.0)
    expected = drug_after_infusion(since - 0.2, 2.0, 3.0) + drug_after_infusion(since - 1.0, 1.0, 4.0)
    assert result.states[:, DRUG] == pytest.approx(expected + drug_after_bolus(since, 2.0), **NEAR)


def test_infusions_of_two_firings_overlap():
    rule = Rule("r", "clone", (Dose(6.0, 0.2, 2.0),), below=20.0, refractory=0.5, at_most=2)
    result = run(rule)
    since = TIMES - fall_to(20.0) - 0.2
    expected = drug_after_infusion(since, 2.0, 3.0) + drug_after_infusion(since - 0.5, 2.0, 3.0)
    assert result.states[:, DRUG] == pytest.approx(expected, **NEAR)


def test_a_dose_of_the_regimen_and_one_ordered_for_the_same_day_add_up():
    """The order's day, 0 + 2, is the dose's to the last bit."""
    rule = Rule("r", "clone", (Dose(3.0, 2.0),), above=1.0)
    result = run(rule, times=[2.0], doses=(Dose(4.0, 2.0),))
    assert result.states[0, DEPOT] == 7.0


def test_the_value_at_the_moment_is_the_one_after_the_dose():
    rule = Rule("r", "clone", CELLS, below=20.0)
    (moment,) = days(run(rule))
    around = np.array([np.nextafter(moment, 0.0), moment, np.nextafter(moment, 99.0), TIMES[-1]])
    result = run(rule, times=around)
    assert days(result) == [moment], "the outputs asked for do not change the moment"
    assert result.states[:3, DEPOT] == pytest.approx([0.0, 3.0, 3.0], rel=1e-12)


def test_outputs_asked_for_change_no_bit():
    rule = Rule("r", "clone", CELLS, below=20.0, refractory=1.0, at_most=3)
    fine = np.linspace(0.0, 12.0, 2401)
    many, few = run(rule, times=fine), run(rule)
    assert np.array_equal(many.states[::50], few.states)
    assert np.array_equal(many.firings, few.firings, equal_nan=True)


def test_several_rules_of_a_patient_fire_each_at_its_own_moment():
    rules = (
        Rule("late", "clone", NOTHING, below=5.0),
        Rule("early", "clone", CELLS, below=50.0),
        Rule("drug", "drug", NOTHING, above=1.0),
    )
    rise = brentq(lambda t: drug_after_bolus(t, 3.0) - 1.0, 0.0, 1.0, xtol=1e-15)
    expected = [fall_to(5.0), fall_to(50.0), fall_to(50.0) + rise]
    assert days(run(*rules)) == pytest.approx(expected, **NEAR)


def test_rules_that_hold_at_the_same_moment_fire_together():
    rules = [Rule(f"r{k}", "clone", (Dose(1.0 + k),), below=20.0) for k in range(3)]
    result = run(*rules)
    found = days(result)
    assert len(set(found)) == 1
    assert len(found) == 3
    moment = run(*rules, times=[found[0], TIMES[-1]])
    assert moment.states[0, DEPOT] == 6.0


def test_a_rule_fires_at_the_start_where_its_signal_is_beyond_the_limit_already():
    rules = (Rule("over", "clone", CELLS, above=99.0), Rule("at", "clone", CELLS, below=100.0))
    result = run(*rules, times=[0.0, 1.0])
    assert days(result) == [0.0, 0.0], "a level of exactly the limit is beyond it on either side"
    assert result.states[0, DEPOT] == 6.0


def test_an_immediate_dose_can_call_another_rule_at_once():
    rules = (
        Rule("second", "drug", (Dose(1.0),), above=2.0),
        Rule("first", "clone", (Dose(2.5, target="drug"),), below=20.0),
    )
    found = days(run(*rules))
    assert found[0] == found[1] == pytest.approx(fall_to(20.0), **NEAR)


def test_beyond_the_limit_it_fires_again_exactly_at_the_end_of_the_refractory_time():
    rule = Rule("r", "clone", CELLS, below=20.0, refractory=0.75, at_most=4)
    found = days(run(rule))
    assert found[0] == pytest.approx(fall_to(20.0), **NEAR)
    assert found[1:] == [found[0] + 0.75, found[0] + 0.75 + 0.75, found[0] + 0.75 + 0.75 + 0.75]


def test_below_the_limit_at_the_end_of_the_refractory_time_it_waits_for_the_next_passing():
    """cos(t^2) rises above 0.25 once a turn; a global error that grows with each turn moves the days."""
    rule = Rule("r", "d", NOTHING, above=0.25, start=1.2, refractory=0.6, at_most=3)
    turns = np.sqrt(2.0 * np.pi * np.arange(1, 4) - np.arccos(0.25))
    assert days(run(rule, pace=1.0)) == pytest.approx(turns, abs=2e-7)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_rule_fires_at_most_so_often(most):
    rule = Rule("r", "clone", CELLS, below=50.0, refractory=0.25, at_most=most)
    result = run(rule)
    assert len(days(result)) == most
    inside = result.states[-1, [DEPOT, DRUG, BEDSIDE.state_names.index("lost")]].sum()
    assert inside == pytest.approx(3.0 * most, rel=1e-12)


def test_a_window_that_opens_after_the_passing_fires_when_it_opens():
    assert days(run(Rule("r", "clone", CELLS, below=20.0, start=4.5))) == [4.5]
    assert days(run(Rule("r", "drug", CELLS, above=5.0, start=9.0), doses=(Dose(10.0),))) == []


def test_a_window_that_closes_before_the_passing_never_fires():
    passing = fall_to(20.0)
    assert days(run(Rule("r", "clone", CELLS, below=20.0, until=passing - 1e-6))) == []
    found = days(run(Rule("r", "clone", CELLS, below=20.0, until=passing + 1e-6)))
    assert found == pytest.approx([passing], **NEAR)


def test_a_window_is_closed_the_last_day_included():
    assert days(run(Rule("r", "clone", CELLS, below=20.0, start=4.5, until=4.5))) == [4.5]
    again = Rule("r", "clone", CELLS, above=1.0, refractory=0.5, at_most=9, until=1.5)
    assert days(run(again)) == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("share", [0.51, 0.75, 0.99])
def test_a_passing_just_before_the_window_closes_inside_a_long_step_is_found(share):
    rule = Rule("r", "signal", NOTHING, above=100.0 * share, until=100.0 * share + 0.5)
    result = run(rule, times=[200.0], method=Rodas5P(rtol=1e-4, first_step=100.0), by_day=1.0, fading=0.001)
    assert days(result) == pytest.approx([100.0 * share], rel=1e-11)


def test_a_signal_that_comes_near_and_turns_does_not_fire():
    """Just below its peak a drug stays beyond the limit for some steps of this tolerance."""
    top, dose = np.log(2.0 / 0.3) / 1.7, (Dose(10.0),)
    peak = drug_after_bolus(np.array(top), 10.0)
    assert days(run(Rule("r", "drug", CELLS, above=peak * (1.0 + 1e-7)), doses=dose)) == []
    near = days(run(Rule("r", "drug", NOTHING, above=peak * (1.0 - 1e-3)), doses=dose))
    passing = brentq(lambda t: drug_after_bolus(t, 10.0) - peak * (1.0 - 1e-3), 0.5, top)
    assert near == pytest.approx([passing], abs=1e-7), "a hundredth of the usual slope"


def test_a_visit_that_lasts_half_a_step_is_seen_in_the_middle_of_it():
    """10 · 2 t exp(-2 t), nearly: beyond 3.3 from 0.3 to 0.75 day, inside one step of a day."""
    method = Rodas5P(rtol=1e-3, fixed_step=1.0)
    drug = {"uptake": 2.001, "loss": 1.999, "doses": (Dose(10.0),), "method": method, "times": [6.0]}
    (found,) = days(run(Rule("r", "drug", NOTHING, above=3.3), **drug))
    assert found == pytest.approx(brentq(lambda t: 20.0 * t * np.exp(-2.0 * t) - 3.3, 0.1, 0.5), abs=0.02)


def test_the_way_back_to_a_passing_costs_one_step():
    """The level comes out a tolerance short of the limit or beyond it; the rule fires there all the same."""
    for limit in (70.0, 50.0, 30.0, 20.0, 10.0, 5.0, 2.0):
        rule = Rule("r", "clone", NOTHING, below=limit)
        plain, ruled = (run(*rules, method=Rodas5P(rtol=1e-4)).counts[0] for rules in ((), (rule,)))
        assert ruled[1] == plain[1] + 1


def test_a_switch_that_carries_the_signal_beyond_the_limit_is_the_moment():
    seen = run(Rule("r", "signal", NOTHING, above=1.0), by_switch=1.0, switch_day=3.3, times=[6.0])
    assert days(seen) == [3.3], "a switch is a stop"


def test_a_signal_may_depend_on_the_day_and_on_a_jump_inside_a_step():
    assert days(run(Rule("r", "signal", NOTHING, above=3.0), by_day=2.0)) == pytest.approx([1.5], rel=1e-11)
    alarm = Rule("r", "signal", NOTHING, above=0.5)
    assert days(run(alarm, growth=0.5, by_alarm=1.0)) == pytest.approx([np.log(2.0) / 0.5], **NEAR)


def test_cells_that_die_out_are_below_the_limit_when_they_do():
    """The clone is set to zero where it falls below one cell; the limit is half a cell."""
    (found,) = days(run(Rule("r", "clone", NOTHING, below=0.5)))
    assert fall_to(1.0) <= found < fall_to(0.5)


def fever_by_scipy(rules: tuple[Rule, ...], end: float) -> tuple[list[float], np.ndarray]:
    """Two rules of one firing each with one delayed dose, by event location and restarts by hand."""
    p = dict(zip(FEVER.parameter_names, FEVER.values, strict=True))

    def slope(t, y):
        blocked = y[2] / (p["half"] + y[2])
        return [
            p["growth"] * y[0] * (1.0 - y[0] / p["room"]),
            p["source"] * y[0] * (1.0 - 0.9 * blocked) - p["clearance"] * y[1],
            -p["elimination"] * y[2],
        ]

    t, y, waiting, ordered, fired = 0.0, np.array([0.01, 0.0, 0.0]), list(rules), [], {}
    while t < end:
        stop = min([end, *(day for day, _ in ordered)])
        events = [lambda t, y, rule=rule: y[1] - rule.limit for rule in waiting]
        for event, rule in zip(events, waiting, strict=True):
            event.terminal, event.direction = True, 1.0 if rule.below is None else -1.0
        part = solve_ivp(slope, (t, stop), y, "DOP853", rtol=1e-12, atol=1e-13, events=events)
        t, y = part.t[-1], part.y[:, -1].copy()
        for rule, moments in zip(list(waiting), part.t_events, strict=True):
            if len(moments):
                fired[rule.name] = t
                waiting.remove(rule)
                ordered += [(t + dose.time, dose.amount) for dose in rule.give]
        y[2] += sum(amount for day, amount in ordered if day <= t)
        ordered = [item for item in ordered if item[0] > t]
    return [fired[rule.name] for rule in rules], y


@pytest.mark.slow
def test_two_rules_of_a_nonlinear_model_agree_with_scipy_restarted_by_hand():
    rules = (
        Rule("first", "il6", (Dose(2.0, 0.5, target="drug"),), above=5.0),
        Rule("again", "il6", (Dose(8.0, 0.25, target="drug"),), above=20.0),
    )
    moments, end = fever_by_scipy(rules, 14.0)
    events = events_of(FEVER, [Regimen((), rules)])
    result = solved(FEVER, [14.0], Rodas5P(rtol=1e-9), events=events)
    assert result.firings[0] == pytest.approx(moments, rel=1e-8)
    assert result.states[0] == pytest.approx(end, rel=1e-7)
