"""Rules by name: what they order, what is refused, and how their firings come back."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import BOLUS, RATE_CHANGE, Dose
from cartsim.regimen.events import event_table
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule, rule_table
from cartsim.simulate import simulate
from cartsim.solve.batch import plan_one
from cartsim.solve.cohort import reduce_cohort
from cartsim.solve.reductions import Peak
from tests.problems import FEVER, WARD, reacting

STEIN = load_model("stein2019_tisagenlecleucel")
DRUG = FEVER.state_names.index("drug")
FIRST = Rule("first", "il6", (Dose(2.0, 0.5, target="drug"),), above=5.0, refractory=1.0, at_most=3)
MORE = Rule("more", "il6", (Dose(8.0, 0.25, 1.0, "drug"),), above=20.0)
REACTING = Regimen((), (FIRST, MORE))
DAYS = np.linspace(0.0, 14.0, 57)


def test_a_rule_becomes_one_row_and_its_doses_actions():
    table = rule_table(FEVER, [REACTING.rules])
    assert table.watched == ("il6",)
    assert table.rules.tolist() == [
        [0, 1, 5.0, 0.0, np.inf, 1.0, 3, 0, 1, 0],
        [0, 1, 20.0, 0.0, np.inf, 0.0, 1, 1, 3, 3],
    ]
    assert table.actions.tolist() == [
        [0.5, BOLUS, DRUG, 2.0],
        [0.25, RATE_CHANGE, DRUG, 8.0],
        [1.25, RATE_CHANGE, DRUG, -8.0],
    ]
    assert table.labels == (("first", "first", "first", "more"),)
    assert table.firing_names == ("day_of_first_1", "day_of_first_2", "day_of_first_3", "day_of_more_1")


def test_rules_of_several_subjects_share_their_actions():
    table = rule_table(FEVER, [(FIRST,), (), (MORE, FIRST)])
    assert table.offsets.tolist() == [0, 1, 1, 3]
    assert table.actions.shape == (3, 4)
    assert table.rules[:, 9].tolist() == [0, 0, 1], "each subject's slots are counted on their own"
    assert table.slots == 4
    assert table.firing_names == (), "subjects with different rules have no names in common"
    part = table.part(2, 3)
    assert part.offsets.tolist() == [0, 2]
    assert part.rules.tolist() == table.rules[1:].tolist()
    assert part.labels == table.labels[2:]


def test_one_dose_needs_no_brackets():
    dose = Dose(1.0)
    assert Rule("r", "il6", dose, above=1.0).give == Rule("r", "il6", [dose], above=1.0).give == (dose,)


def test_all_faults_of_a_rule_are_told_at_once():
    with pytest.raises(ModelError) as told:
        Rule(
            "",
            "il6",
            (Dose(1.0, -1.0),),
            above=1.0,
            below=0.0,
            at_most=0,
            refractory=-1.0,
            start=2.0,
            until=1.0,
        )
    for words in (
        "needs a name",
        "one finite limit",
        "none before it fires",
        "at_most 0 times",
        "refractory for -1.0 day",
        "active from day 2.0 to 1.0",
    ):
        assert words in str(told.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({}, "one finite limit, above or below"),
        ({"above": np.nan}, "one finite limit"),
        ({"below": np.inf}, "one finite limit"),
        ({"above": 1.0, "give": ()}, "at least one dose"),
        ({"above": 1.0, "at_most": 1.5}, "whole number"),
        ({"above": 1.0, "at_most": np.nan}, "whole number"),
        ({"above": 1.0, "at_most": 10**6, "refractory": 1.0}, "from 1 to 10000"),
        ({"above": 1.0, "at_most": 2}, "refractory > 0"),
        ({"above": 1.0, "refractory": np.nan}, "refractory for nan"),
        ({"above": 1.0, "start": np.inf}, "active from day inf"),
        ({"above": 1.0, "until": np.nan}, "to nan"),
    ],
)
def test_an_impossible_rule_is_refused(fault, words):
    with pytest.raises(ModelError, match=words):
        Rule("r", "il6", **({"give": (Dose(1.0),)} | fault))


def test_rules_that_the_model_cannot_follow_are_told_all_at_once():
    rules = (
        Rule("fever", "temperature", (Dose(1.0, target="liver"),), above=38.5),
        Rule("slow", "drug", (Dose(1.0, duration=1.0, target="wild"),), above=1.0),
    )
    with pytest.raises(ModelError) as told:
        events_of(WARD, [Regimen((), rules)])
    for words in (
        "'fever' watches no output or state: temperature",
        "'fever': model ward has no state to dose",
        "'slow': state wild of ward takes a bolus only",
        "alarm",
    ):
        assert words in str(told.value)


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ModelError, match="same name; got: first"):
        Regimen((), (FIRST, replace(MORE, name="first")))


def test_rules_for_another_number_of_subjects_are_refused():
    with pytest.raises(ModelError, match="different numbers of subjects"):
        replace(event_table([[], []]), rules=rule_table(FEVER, [REACTING.rules]))


def test_repeated_doses_keep_the_rules():
    regimen = Regimen((Dose(1.0, 0.5),), (FIRST,)).repeated(2.0, 3)
    assert [dose.time for dose in regimen.doses] == [0.5, 2.5, 4.5]
    assert regimen.rules == (FIRST,)
    with pytest.raises(ModelError, match="at least once"):
        regimen.repeated(0.0, 2)


def test_simulate_tells_when_rules_fired_by_name():
    curves = simulate(FEVER, times=DAYS, regimen=REACTING)
    (fired,) = curves.firings
    assert [name for name, _ in fired] == ["first", "first", "first", "more"]
    moments = [day for _, day in fired]
    assert moments == sorted(moments)
    assert moments[1] - moments[0] == pytest.approx(1.0, rel=1e-12), "still beyond the limit after a day"
    assert curves.rule_firings().columns.tolist() == ["subject", "rule", "day"]
    assert curves.rule_firings()["day"].tolist() == moments
    untreated = simulate(FEVER, times=DAYS)
    assert untreated.firings == ((),)
    assert untreated.rule_firings().empty
    assert curves.output("il6").max() < 0.7 * untreated.output("il6").max()


def test_each_patient_may_have_rules_of_its_own():
    import pandas as pd

    rows = pd.DataFrame({"subject": ["A", "B", "C"], "growth": [1.1, 1.3, 1.3]})
    regimens = [REACTING, Regimen(), Regimen((), (replace(MORE, name="late"), FIRST))]
    frame = simulate(FEVER, times=DAYS, parameters=rows, regimen=regimens).rule_firings()
    assert frame["subject"].tolist() == ["A"] * 4 + ["C"] * 4
    assert set(frame.loc[frame["subject"] == "C", "rule"]) == {"first", "late"}
    assert (frame.groupby("subject")["day"].diff().dropna() >= 0.0).all()


def test_a_closed_form_does_not_serve_where_rules_watch():
    rule = Rule("less", "car_transgene", (Dose(1000.0, target="memory"),), below=5000.0)
    assert plan_one(STEIN, [28.0]).closed_form
    assert not plan_one(STEIN, [28.0], events=events_of(STEIN, [Regimen((), (rule,))])).closed_form


@pytest.mark.slow
def test_a_model_with_a_closed_form_is_integrated_where_rules_watch_it():
    rule = Rule("less", "car_transgene", (Dose(1000.0, target="memory"),), below=5000.0, start=10.0)
    plain = simulate(STEIN, times=[28.0, 60.0])
    ruled = simulate(STEIN, times=[28.0, 60.0], regimen=Regimen((), (rule,)))
    ((_, day),) = ruled.firings[0]
    at_moment = simulate(STEIN, times=[day])
    assert at_moment.output("car_transgene")[0, 0] == pytest.approx(5000.0, rel=1e-6)
    added = ruled.output("car_transgene") - plain.output("car_transgene")
    beta = STEIN.parameter("beta").value
    assert added[0] == pytest.approx(1000.0 * np.exp(-beta * (np.array([28.0, 60.0]) - day)), rel=1e-4)


def test_a_reduced_cohort_keeps_firings_by_name_however_it_is_cut():
    rng = np.random.default_rng(3)
    rows = FEVER.values * np.exp(0.3 * rng.normal(size=(700, len(FEVER.parameters))))
    options = {"method": Rodas5P(rtol=1e-5), "regimen": REACTING}
    whole = reduce_cohort(FEVER, rows, DAYS, [Peak("il6")], **options)
    frame = whole.to_dataframe()
    names = ["day_of_first_1", "day_of_first_2", "day_of_first_3", "day_of_more_1"]
    assert frame.columns.tolist() == ["patient", "status", "peak_il6", *names]
    fired = frame[names].notna().sum(axis=1)
    assert fired.nunique() > 1, "a real test: patients differ"
    assert (frame["day_of_first_2"] - frame["day_of_first_1"]).min() >= 1.0 - 1e-12
    for part in (slice(0, 1), slice(100, 457)):
        again = reduce_cohort(FEVER, rows[part], DAYS, [Peak("il6")], threads=2, **options)
        assert again.firings.tobytes() == whole.firings[part].tobytes()
        assert again.values.tobytes() == whole.values[part].tobytes()


def test_a_reduced_cohort_may_have_rules_by_patient():
    rows = FEVER.values[None].repeat(600, axis=0)
    regimens = [REACTING if k % 3 else Regimen() for k in range(600)]
    found = reduce_cohort(FEVER, rows, DAYS, [Peak("il6")], events=events_of(FEVER, regimens))
    assert found.firing_names == ()
    assert (np.isfinite(found.firings).sum(axis=1) == [4 if k % 3 else 0 for k in range(600)]).all()
    assert "day_of_first_1" not in found.to_dataframe()


def test_the_identity_of_events_knows_the_rules():
    plain, ruled = event_table([[]]), reacting()
    assert plain.identity == plain.matrix().tobytes(), "a fit without rules keeps its recorded fingerprint"
    other = events_of(FEVER, [Regimen((), (FIRST, replace(MORE, above=21.0)))])
    relabelled = events_of(FEVER, [Regimen((), (FIRST, replace(MORE, watch="cells")))])
    assert len({item.identity for item in (plain, ruled, other, relabelled)}) == 4
    assert ruled.identity == reacting().identity
