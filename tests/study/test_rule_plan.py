"""[[rules]], data.where and data.dose of a fit.toml: who gets what, when, and that the record tells."""

from pathlib import Path

import numpy as np
import pytest

import cartsim
from cartsim.errors import ConfigError, FitError
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.rule_plan import check_rules
from cartsim.study.settings import read_settings

TABLE = "subject,time,output,value,unit,lloq,product,tocilizumab\n" + "".join(
    f"{who},{day},crp,{value},mg/L,1,{product},{drug}\n"
    for who, product, drug in (("A", "x", "yes"), ("B", "x", "no"), ("C", "y", "yes"))
    for day, value in ((1, 20), (4, 80), (8, 30))
)
HEAD = """
title = "Simulated"
simulated = true
model = "bcma_myeloma"
scenario = "fast"
free = ["il6_gain"]
seed = 1
[data]
file = "data.csv"
"""
REST = """
[method.Rodas5P]
rtol = 1e-8
[errors.crp.LogNormalError]
[population.spreads]
"""
RULE = """
[[rules]]
drug = "tocilizumab"
above = 38.5
after_hours = 36
weight = 75
where = { tocilizumab = "yes" }
"""


def planned(tmp_path: Path, text: str):
    (tmp_path / "fit.toml").write_text(text)
    (tmp_path / "data.csv").write_text(TABLE)
    settings = read_settings(tmp_path)
    return plan_of(settings, tmp_path), read_dataset(settings.data, tmp_path)[0]


def test_only_patients_who_had_the_drug_get_it_when_the_rule_says(tmp_path):
    plan, dataset = planned(tmp_path, HEAD + REST + RULE)
    population = plan.population_problem(dataset)
    given = {s: [rule.name for rule in regimen.rules] for s, regimen in population.regimens.items()}
    assert given == {"A": ["tocilizumab"], "B": [], "C": ["tocilizumab"]}
    gain = population.model.vector(scenario="fast")[population.model.index("il6_gain")]
    theta = np.full((1, 3, 1), np.log(gain))
    predicted = population.observed.predict(theta, np.zeros((1, 0)))[0].reshape(3, 3)
    fine = cartsim.simulate("bcma_myeloma", times=np.arange(0.0, 3.0, 1 / 96), scenario="fast")
    first = np.argmax(fine.output("temperature")[0] >= 38.5) / 96
    regimens = [(Dose(450e6), Dose(600.0, first + 1.5, target="toci_central")), (Dose(450e6),)]
    crp = []
    for doses in regimens:
        course = cartsim.simulate(
            "bcma_myeloma", times=[1.0, 4.0, 8.0], scenario="fast", regimen=Regimen(doses)
        )
        crp.append(course.output("crp")[0])
    # a quarter of an hour of the day of fever, at a CRP that halves in 19 h, is 1 %
    np.testing.assert_allclose(predicted[[0, 2]], [crp[0], crp[0]], rtol=0.02)
    np.testing.assert_allclose(predicted[1], crp[1], rtol=1e-4)
    assert predicted[0, 2] < 0.5 * predicted[1, 2], "and the drug matters"


def test_the_fingerprint_knows_the_rule_and_only_the_data_part_of_it(tmp_path):
    texts = HEAD + REST, HEAD + REST + RULE, HEAD + REST + RULE.replace("36", "12")
    prints = [
        plan.population_problem(data).fingerprint() for plan, data in (planned(tmp_path, t) for t in texts)
    ]
    assert len({p["data"] for p in prints}) == 3
    assert len({p["priors"] for p in prints}) == 1


def test_one_by_one_fits_follow_the_rule_too(tmp_path):
    text = HEAD + REST.replace("[population.spreads]\n", "") + RULE
    plan, dataset = planned(tmp_path, text)
    rules = {s: plan.problem(dataset.subset([s]), s).events.rules for s in dataset.subjects}
    assert {s: table is not None for s, table in rules.items()} == {"A": True, "B": False, "C": True}


def test_patients_and_the_dose_can_be_chosen_in_the_fit_folder(tmp_path):
    text = HEAD + 'where = { product = "x" }\ndose = 5.6e7\n' + REST
    plan, dataset = planned(tmp_path, text)
    assert dataset.subjects == ("A", "B")
    regimens = plan.population_problem(dataset).regimens
    assert {s: [dose.amount for dose in r.doses] for s, r in regimens.items()} == {"A": [5.6e7], "B": [5.6e7]}


def test_the_record_and_the_report_tell_the_assumption(tmp_path):
    (rule,) = planned(tmp_path, HEAD + REST + RULE)[0].rules
    assert rule.to_mapping()["give"] == [[600.0, 1.5, 0.0, "toci_central"]]
    assert rule.to_mapping()["above"] == 38.5
    assert rule.words == (
        "Assumed: tocilizumab (600 mg) 36 h after the model's temperature first goes above 38.5, in patients "
        "with tocilizumab = yes."
    )


def test_an_unknown_drug_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)rules\.1.*aspirin.*tocilizumab"):
        planned(tmp_path, HEAD + REST + RULE.replace('"tocilizumab"', '"aspirin"', 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('tocilizumab = "yes"', 'toci = "yes"'), ("no such covariate", "toci")),
        (('"yes"', '"Yes"'), ("holds for no patient", "Yes", "yes")),
    ],
)
def test_a_rule_for_nobody_is_refused(tmp_path, change, words):
    plan, dataset = planned(tmp_path, HEAD + REST + RULE.replace(*change))
    with pytest.raises(FitError) as caught:
        check_rules(plan.rules, dataset)
    assert all(word in str(caught.value) for word in words)
