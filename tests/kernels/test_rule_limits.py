"""Rules keep their patient apart from all others, and none of them keeps the solver from ending."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.solve.batch import Batch, batch
from tests.problems import BEDSIDE, FEVER, reacting, solved, watched, watched_by

METHOD = Rodas5P(rtol=1e-5)
TIMES = np.array([0.0, 0.3, 1.5, 4.0, 9.0])
DEPOT, DRUG, LOST = (BEDSIDE.state_names.index(name) for name in ("depot", "drug", "lost"))
FEW = Rule(
    "few cells", "clone", (Dose(3.0, 0.25), Dose(2.0, 0.5, 1.0)), below=30.0, refractory=0.5, at_most=3
)
SICK = Rule("sick", "signal", (Dose(1.0),), above=4.0, refractory=0.4, at_most=2)
MUCH = Rule("much drug", "drug", (Dose(0.5, 1.0, target="wild"),), above=1.0)
REGIMEN = watched_by(FEW, SICK, MUCH, doses=(Dose(4.0), Dose(2.0, 3.0, 1.5)))
EVENTS = events_of(BEDSIDE, [REGIMEN])
DAYS = np.linspace(0.0, 14.0, 8)


@pytest.fixture(scope="module")
def cohort() -> np.ndarray:
    """A thousand patients, some of whom fail, who pass their limits on different days or never."""
    rng = np.random.default_rng(2024)
    table = BEDSIDE.values * np.exp(0.4 * rng.normal(size=(1000, len(BEDSIDE.parameters))))
    table[:, BEDSIDE.index("pace")] = rng.uniform(0.0, 0.02, 1000)
    table[:, BEDSIDE.index("switch_day")] = rng.uniform(0.0, 12.0, 1000)
    table[:, BEDSIDE.index("growth")] = rng.uniform(0.0, 0.4, 1000)
    table[:, BEDSIDE.index("speed_up")] = table[:, BEDSIDE.index("by_switch")] = 2.0
    table[:, BEDSIDE.index("by_wild")] = 1.0
    table[::50, BEDSIDE.index("blow_up")] = 0.4
    return table


@pytest.fixture(scope="module")
def whole(cohort) -> Batch:
    return solved(BEDSIDE, TIMES, METHOD, table=cohort, events=EVENTS)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


def test_the_cohort_is_a_real_test(whole):
    assert (whole.status != 0).sum() >= 20, "every fiftieth patient blows up"
    fired = np.isfinite(whole.firings).sum(axis=1)
    assert np.unique(fired).size >= 4
    assert np.unique(whole.firings[np.isfinite(whole.firings)]).size > 1000


def test_threads_do_not_matter(cohort, whole):
    again = solved(BEDSIDE, TIMES, METHOD, table=cohort, events=EVENTS, threads=2)
    assert all(same(getattr(again, n), getattr(whole, n)) for n in ("states", "firings", "counts", "status"))


@pytest.mark.parametrize("count", [1, 9, 257])
def test_the_size_of_the_cohort_does_not_matter(cohort, whole, count):
    part = solved(BEDSIDE, TIMES, METHOD, table=cohort[:count], events=EVENTS)
    assert same(part.states, whole.states[: count * len(TIMES)])
    assert same(part.firings, whole.firings[:count])


def test_neighbours_do_not_matter(cohort, whole):
    order = np.random.default_rng(1).permutation(len(cohort))
    shuffled = solved(BEDSIDE, TIMES, METHOD, table=cohort[order], events=EVENTS)
    shape = (len(cohort), len(TIMES), -1)
    assert same(shuffled.states.reshape(shape), whole.states.reshape(shape)[order])
    assert same(shuffled.firings, whole.firings[order])
    assert same(shuffled.counts, whole.counts[order])


@pytest.mark.slow
def test_the_number_of_lanes_does_not_matter():
    rows = FEVER.values * np.exp(0.3 * np.random.default_rng(6).normal(size=(40, len(FEVER.parameters))))
    many, one = (
        solved(FEVER, DAYS, Rodas5P(rtol=1e-5, lanes=lanes), table=rows, events=reacting())
        for lanes in (8, 1)
    )
    assert same(one.states, many.states)
    assert same(one.firings, many.firings)
    assert same(one.counts, many.counts)


@pytest.mark.slow
def test_the_number_of_lanes_does_not_matter_at_the_bedside(cohort, whole):
    alone = solved(BEDSIDE, TIMES, Rodas5P(rtol=1e-5, lanes=1), table=cohort[:100], events=EVENTS)
    assert same(alone.states, whole.states[: 100 * len(TIMES)])
    assert same(alone.firings, whole.firings[:100])


@pytest.mark.slow
def test_subjects_may_have_different_rules_and_none(cohort):
    regimens = [
        REGIMEN,
        Regimen((Dose(4.0),)),
        watched_by(MUCH),
        watched_by(SICK, Rule("early", "clone", (Dose(1.0),), below=60.0), doses=(Dose(4.0),)),
        Regimen(),
    ]
    subject = np.arange(60) % 5
    rows = cohort[1:61]
    together = batch(
        BEDSIDE, rows, TIMES, events=events_of(BEDSIDE, regimens), subject=subject, method=METHOD
    )
    for who, regimen in enumerate(regimens):
        # Those without rules in the same solver as those with: the same steps as in a solver without.
        alone = batch(
            BEDSIDE, rows[subject == who], TIMES, events=events_of(BEDSIDE, [regimen]), method=METHOD
        )
        shape = (60, len(TIMES), -1)
        assert same(together.states.reshape(shape)[subject == who].ravel(), alone.states.ravel()), who
        found = together.firings[subject == who]
        assert same(found[:, : alone.firings.shape[1]], alone.firings)
        assert np.isnan(found[:, alone.firings.shape[1] :]).all()


@pytest.mark.slow
def test_a_rule_that_never_fires_changes_no_bit(cohort):
    silent = events_of(BEDSIDE, [watched_by(doses=REGIMEN.doses)])
    plain = events_of(BEDSIDE, [Regimen(REGIMEN.doses)])
    watched_too, without = (
        solved(BEDSIDE, TIMES, METHOD, table=cohort[:80], events=events) for events in (silent, plain)
    )
    assert same(watched_too.states, without.states)
    assert same(watched_too.counts, without.counts)


def test_what_rules_order_acts_as_the_same_doses_of_a_regimen(cohort):
    """Each patient's firings are played back as plain doses, in the same solver, its rules silent."""
    tight, events = Rodas5P(rtol=1e-9), EVENTS
    rows = cohort[1:50]
    reacted = solved(BEDSIDE, TIMES, tight, table=rows, events=events)
    gives = {rule.name: rule.give for rule in REGIMEN.rules}
    replayed = []
    for fired in events.rules.named(reacted.firings):
        doses = [replace(dose, time=day + dose.time) for name, day in fired for dose in gives[name]]
        replayed.append(watched_by(doses=(*REGIMEN.doses, *doses)))
    plain = solved(BEDSIDE, TIMES, tight, table=rows, events=events_of(BEDSIDE, replayed))
    kept = [k for k, name in enumerate(BEDSIDE.state_names) if name != "clone"]  # dies out at a step's end
    assert reacted.states[:, kept] == pytest.approx(plain.states[:, kept], rel=1e-6, abs=1e-6, nan_ok=True)


def run(*rules: Rule, end: float = 20.0, doses=(), **values: float) -> Batch:
    return solved(BEDSIDE, [0.5, end], METHOD, events=watched(*rules, doses=doses), **values)


def test_a_patient_held_at_the_limit_by_tiny_doses_ends():
    """Each dose lifts the drug back to the limit it has just fallen below, a thousand times."""
    rule = Rule(
        "r", "drug", (Dose(1e-6, target="drug"),), below=2.0, start=1.0, refractory=1e-6, at_most=1000
    )
    result = run(rule, doses=(Dose(5.0),))
    assert result.status.tolist() == [0]
    assert np.isfinite(result.firings[0, :1000]).all()
    assert (np.diff(result.firings[0, :1000]) >= 0.99e-6).all()
    assert result.counts[0].sum() < 10_000


def test_the_step_starts_small_after_a_dose_and_only_after_a_dose():
    """Long steps are cut to three stops that give nothing or, in the other case, a dose of zero."""
    method = Rodas5P(rtol=1e-4, first_step=0.02)
    ordered = {"below": 200.0, "start": 50.0, "refractory": 20.0, "at_most": 3}
    never, late, given = (
        solved(BEDSIDE, [200.0], method, events=watched(rule)).counts[0, 0]
        for rule in (
            Rule("r", "clone", (Dose(1.0),), above=200.0),
            Rule("r", "clone", (Dose(1.0, 500.0),), **ordered),
            Rule("r", "clone", (Dose(0.0),), **ordered),
        )
    )
    assert never <= late <= never + 4
    assert given >= late + 5


def test_doses_that_call_each_other_at_once_end():
    rules = [
        Rule(name, "drug", (Dose(1.0, target="drug"),), above=1.0 + k, refractory=1e-9, at_most=50)
        for k, name in enumerate(("a", "b"))
    ]
    result = run(*rules, doses=(Dose(3.0, target="drug"),))
    assert result.status.tolist() == [0]
    assert np.isfinite(result.firings[0, :100]).all()


def test_the_step_cap_counts_steps_taken_back():
    rule = Rule("r", "clone", (Dose(1.0),), below=90.0, refractory=1e-3, at_most=1000)
    events = watched(rule)
    result = solved(BEDSIDE, [20.0], Rodas5P(rtol=1e-5, max_steps=200), events=events)
    assert result.status.tolist() == [1]
    assert result.counts[0, :2].sum() == 200
    assert np.isnan(result.states).all()
    assert np.isfinite(result.firings[0, :20]).all(), "what happened before the cap is reported"


@pytest.mark.parametrize("limit", [1e300, -1e300, 0.0])
def test_any_finite_limit_is_sound(limit):
    high, low = (run(Rule("r", "clone", (Dose(1.0),), **{side: limit})) for side in ("above", "below"))
    assert (high.firings[0, 0] == 0.0) == (limit <= 0.0)
    assert (low.firings[0, 0] == 0.0) == (limit > 0.0)
    assert high.status.tolist() == low.status.tolist() == [0]


def test_a_signal_that_is_not_a_number_is_not_beyond_any_limit():
    """sqrt(1 - drug) while the drug is above 1, from 0.13 day on; it is a number again when it has gone."""
    nothing = (Dose(0.0),)
    rules = (
        Rule("back", "signal", nothing, above=1e-3, start=0.5),
        Rule("never", "signal", nothing, below=-1.0),
    )
    result = run(*rules, doses=(Dose(5.0),), by_root=1.0, top=1.0)
    assert result.status.tolist() == [0]
    (day,) = result.firings[0, :2][np.isfinite(result.firings[0, :2])]
    back = solved(BEDSIDE, [day], METHOD, events=watched(doses=(Dose(5.0),))).states[0, DRUG]
    assert back == pytest.approx(1.0, abs=1e-3)


def test_a_failing_patient_keeps_its_status_and_firings():
    rule = Rule("r", "signal", (Dose(1.0),), above=5.0, refractory=0.01, at_most=3)
    result = run(rule, end=2.0, blow_up=1.0, by_wild=1.0)  # 1 / (1 - t): gone at day 1
    assert result.status[0] != 0
    assert result.firings[0, 0] == pytest.approx(0.8, abs=1e-3)
    assert np.isnan(result.states[1]).all()
    assert np.isfinite(result.states[0]).all()


def test_equations_that_stop_being_defined_fail_with_rules_too():
    rule = Rule("r", "clone", (Dose(1.0),), below=80.0)
    assert run(rule, end=2.0, defined_until=1.0).status[0] in (2, 3)


def test_a_patient_without_times_and_one_who_ends_at_the_start_are_served():
    rule = Rule("r", "clone", (Dose(1.0),), above=50.0)
    events = events_of(BEDSIDE, [watched_by(rule)] * 3)
    times = (np.array([0.0, 1.0]), np.array([0, 0, 1, 2]))
    result = batch(BEDSIDE, BEDSIDE.values[None].repeat(3, 0), times, events=events, method=METHOD)
    assert result.status.tolist() == [0, 0, 0]
    assert result.firings[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert result.states[0, DEPOT] == 1.0


def test_a_batch_may_start_on_any_day():
    rules = (
        Rule("over", "clone", (Dose(1.0),), below=200.0, until=1.0),
        Rule("now", "clone", (Dose(1.0),), below=200.0),
    )
    result = batch(
        BEDSIDE, BEDSIDE.values[None], [-3.0, 9.0], events=watched(*rules), start=-3.0, method=METHOD
    )
    assert result.firings[0, :2].tolist() == [0.0, 0.0], "rules start on day 0 unless said"
    late = batch(BEDSIDE, BEDSIDE.values[None], [9.0], events=watched(*rules), start=3.0, method=METHOD)
    assert np.isnan(late.firings[0, 0])
    assert late.firings[0, 1] == 3.0


def test_nothing_is_lost_from_a_closed_system_with_rules(cohort):
    result = solved(BEDSIDE, [30.0], METHOD, table=cohort[1:50], events=EVENTS)
    few = np.isfinite(result.firings[:, :3]).sum(axis=1)
    sick = np.isfinite(result.firings[:, 3:5]).sum(axis=1)
    fine = (result.status == 0) & (np.nan_to_num(result.firings[:, :3]).max(axis=1) < 28.0)
    inside = result.states[:, [DEPOT, DRUG, LOST]].sum(axis=1)
    assert fine.sum() > 20
    # A Rosenbrock step preserves linear invariants to rounding whatever its tolerance.
    assert inside[fine] == pytest.approx((6.0 + 5.0 * few + 1.0 * sick)[fine], rel=1e-11)
