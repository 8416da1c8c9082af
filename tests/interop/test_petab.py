"""A fit as PEtab: the tables, read by others, have the fit's own likelihood; what has no words is named."""

import ast
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.data.read import read_data
from cartsim.errors import CartsimError, FitError, ModelError
from cartsim.infer.hierarchy import AssayScale, CovariateEffect
from cartsim.interop.model_file import model_file_text
from cartsim.interop.petab_doses import doses_of
from cartsim.interop.petab_tables import petab_problem
from cartsim.interop.petab_write import write_petab
from cartsim.interop.sbml_write import document_text
from cartsim.models import load_model
from cartsim.observe import error_models
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.regimen.rules import Rule
from cartsim.spec import priors
from cartsim.spec.check import starts
from cartsim.study.fit_result import About, FitResult
from cartsim.study.plan import Plan
from cartsim.study.population_plan import PopulationPlan
from cartsim.study.rule_plan import RulePlan

libsbml = pytest.importorskip("libsbml")
FIT = "fits/six_patients"


@pytest.fixture(scope="module")
def six(tmp_path_factory, request):
    """The committed fit of six simulated patients, exported by the command."""
    out = tmp_path_factory.mktemp("petab") / "six"
    fit = request.config.rootpath / FIT
    done = CliRunner().invoke(app, ["export", str(fit), "--petab", str(out)])
    assert done.exit_code == 0, done.output
    problem = tables(out)
    rows = simulated(problem, tmp_path_factory.mktemp("again"))
    return SimpleNamespace(out=out, words=done.output, problem=problem, rows=rows)


def tables(folder):
    """The tables as another tool reads them, and the model."""
    names = ("parameters", "observables", "measurements", "conditions")
    read = {n: pd.read_csv(folder / f"{n}.tsv", sep="\t", keep_default_na=False) for n in names}
    return SimpleNamespace(**read, sbml=(folder / "model.xml").read_text(encoding="utf-8"))


def imported(sbml, values, folder):
    """The SBML document with values of its constants, read back as a model."""
    document = libsbml.readSBMLFromString(sbml)
    for identity, value in values.items():
        assert document.getModel().getParameter(identity).getConstant(), identity
        document.getModel().getParameter(identity).setValue(value)
    path = folder / "again.xml"
    path.write_text(libsbml.writeSBMLToString(document), encoding="utf-8")
    model = folder / "again.py"
    model.write_text(model_file_text(path), encoding="utf-8")
    return load_model(model)


def outputs_of(model, times):
    """All outputs at days by SciPy, without doses after day 0."""

    def rates(t, y):
        return model.derivatives(t, y, model.values)

    y = starts(model, model.values)
    stops = sorted({0.0, *times, *(s for s in model.values if 0.0 < s < max(times))})  # a switch may be there
    found = {0.0: y}
    for a, b in itertools.pairwise(stops):
        y = solve_ivp(rates, (a, b), y, "LSODA", rtol=1e-12, atol=1e-10).y[:, -1]
        found[b] = y
    p = model.parameter_vector(*model.values)
    return {t: model.observe(t, model.state_vector(*found[t]), p) for t in times}


def simulated(problem, folder):
    """The measurement table with simulation and noise of each row, from the tables and the SBML alone."""
    nominal = problem.parameters.set_index("parameterId")["nominalValue"].astype(float).to_dict()
    document = libsbml.readSBMLFromString(problem.sbml)  # it goes, and all its parts, with its last name
    constants = {item.getId() for item in document.getModel().getListOfParameters()}
    observables, parts = problem.observables.set_index("observableId"), []
    for row in problem.conditions.drop(columns="conditionName").to_dict("records"):
        condition = row.pop("conditionId")
        values = {k: v for k, v in nominal.items() if k in constants}
        values |= {k: nominal.get(v, v) for k, v in row.items()}
        model = imported(problem.sbml, {k: float(v) for k, v in values.items()}, folder)
        own = problem.measurements[problem.measurements["simulationConditionId"] == condition]
        outputs, simulation, noise = outputs_of(model, sorted({float(t) for t in own["time"]})), [], []
        for sample in own.to_dict("records"):
            observable = sample["observableId"]
            names = nominal | {f"out_{k}": v for k, v in outputs[float(sample["time"])].items()}
            for kind in ("observable", "noise"):
                given = filter(None, str(sample.get(f"{kind}Parameters", "")).split(";"))
                names |= {f"{kind}Parameter{k}_{observable}": nominal[g] for k, g in enumerate(given, 1)}
            simulation.append(float(valued(observables.loc[observable, "observableFormula"], names)))
            noise.append(float(valued(observables.loc[observable, "noiseFormula"], names)))
        parts.append(own.assign(simulation=simulation, noise=noise))
    return pd.concat(parts)


def valued(formula, names):
    return eval(
        compile(ast.parse(str(formula).replace("^", "**"), mode="eval"), "formula", "eval"),
        {"abs": abs, "sqrt": np.sqrt},
        names,
    )


def log_likelihood(problem, rows):
    """Of rows of `simulated`, by the definition of the noise in PEtab's documentation."""
    on_log = problem.observables.set_index("observableId")["observableTransformation"] == "log"
    y, m, sd = (rows[name].to_numpy(dtype=float) for name in ("simulation", "measurement", "noise"))
    log = on_log[rows["observableId"]].to_numpy()
    return np.where(log, norm.logpdf(np.log(m), np.log(y), sd) - np.log(m), norm.logpdf(m, y, sd)).sum()


def linted(folder):
    """The problem as petab reads it, without an error by its linter."""
    import petab.v1 as petab
    from petab.v1.lint import lint_problem

    problem = petab.Problem.from_yaml(folder / "problem.yaml")
    assert not lint_problem(problem)
    return problem


def test_the_tables_have_the_fits_own_likelihood_of_the_measured_samples(six, request):
    from cartsim.study.inputs import read_dataset
    from cartsim.study.plan import plan_of
    from cartsim.study.settings import read_settings

    fit = request.config.rootpath / FIT
    settings = read_settings(fit)
    plan, (dataset, _) = plan_of(settings, fit), read_dataset(settings.data, fit)
    nominal = six.problem.parameters.set_index("parameterName")["nominalValue"].astype(float)
    total, count = 0.0, 0
    for subject in dataset.subjects:
        problem = plan.problem(dataset, subject)
        values = [nominal[f"{name}, {subject}"] for name in problem.names]
        fb = problem.names.index("fb")
        values[fb] = 1.0 / (1.0 + np.exp(-values[fb]))  # the table holds its logit
        kept = problem.arrays.censoring == 0
        total, count = total + problem.pointwise(np.array([values]))[0][kept].sum(), count + kept.sum()
    assert len(six.problem.measurements) == count
    assert log_likelihood(six.problem, six.rows) == pytest.approx(total, abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # petab 0.8.2 calls pandas 3 in the old ways
def test_petab_itself_accepts_the_problem_and_agrees(six):
    pytest.importorskip("petab")
    from petab.v1.calculate import calculate_llh

    theirs = linted(six.out)
    measured = theirs.measurement_df.reset_index(drop=True)
    keys = ["observableId", "simulationConditionId", "time"]
    found = calculate_llh(
        measured[[*keys, "measurement", "noiseParameters"]],
        measured[keys].assign(simulation=six.rows["simulation"].to_numpy()),
        theirs.observable_df,
        theirs.parameter_df,
    )
    assert found == pytest.approx(log_likelihood(six.problem, six.rows), abs=1e-9)


def test_what_petab_cannot_say_is_on_the_terminal_and_in_the_folder(six):
    lost = pd.read_csv(six.out / "left_out.tsv", sep="\t")
    assert set(lost["censoring"]) == {"left"}
    words = f"no censored likelihood (M3): {len(lost)} left-censored"
    for text in (six.words, (six.out / "README.md").read_text(encoding="utf-8")):
        assert words in text
        assert "The likelihood is NOT the fit's own" in text
    assert "posterior medians" in six.words


def test_doses_of_each_patient_reach_its_states(tmp_path):
    model = load_model("singh2021_bb2121")
    state = next(iter(model.infused))
    regimens = {
        "a": Regimen((Dose(3.0), Dose(4.0, 2.0), Dose(5.0, 2.0))),  # two at one time
        "b": Regimen((Dose(6.0, 1.0), Dose(8.0, 3.0, duration=0.5))),
        "c": None,
    }
    doses = doses_of(model, regimens, {"dose_1_day"})
    text = document_text(model, model.values, doses.given)

    def rate(again, t):
        y = [1.0] * len(again.state_names)
        return float(again.derivatives(t, y, again.values)[again.state_names.index(state)])

    assert {tuple(sorted(values)) for values in doses.values.values()} == {
        tuple(sorted(doses.given.constants))
    }
    share, found = model.infused[state], {}
    for subject, values in doses.values.items():
        again = imported(text, values, tmp_path)
        start = dict(zip(again.state_names, starts(again, again.values), strict=True))[state]
        given = [(dose.time, dose.amount) for dose in Regimen.published(again).doses if dose.amount]
        found[subject] = (
            start,
            given,
            rate(again, 3.2) - rate(again, 2.9),
            rate(again, 3.6) - rate(again, 2.9),
        )
    none = found["c"][0]
    assert found["a"] == (none + 3.0 * share, [(2.0, pytest.approx(9.0 * share))], 0.0, 0.0)
    assert found["b"][:2] == (none, [(1.0, pytest.approx(6.0 * share))])
    assert found["b"][2:] == (pytest.approx(16.0 * share), pytest.approx(0.0, abs=1e-9))
    assert found["c"][1:] == ([], 0.0, 0.0)


ROWS = """subject,time_day,output,value,unit,product
{rows}"""


def small(tmp_path, *rows):
    path = tmp_path / "data.csv"
    path.write_text(ROWS.format(rows="\n".join(rows)) + "\n", encoding="utf-8")
    return read_data(path, lloq={"car_transgene": 50.0})


def of_three(tmp_path):
    rows = []
    for subject, product, factor in (("1", "x", 1.0), ("2", "y", 2.0), ("3", "y", 0.7)):
        for day, value in ((3, 900.0), (9, 30_000.0), (20, 8_000.0)):
            rows.append(f"{subject},{day},car_transgene,{value * factor},copies/ug,{product}")
            rows.append(f"{subject},{day},car_t,{value * factor / 50},cells/uL,{product}")
        rows.append(f"{subject},60,car_transgene,<50,copies/ug,{product}")
    return small(tmp_path, *rows)


TOGETHER = PopulationPlan(
    spreads={"cmax": priors.HalfNormal(1.0)},
    shared=("beta", "fb"),
    covariates=(CovariateEffect("cmax", "product", "y"),),
    scales=(AssayScale("car_t", "car_transgene", priors.LogNormal(0.02, 1.0), by="product"),),
)
NO_MEDIANS = pd.DataFrame(columns=["subject", "name", "median"])
STEIN = Plan(
    "stein2019_tisagenlecleucel",
    {
        "car_transgene": error_models.LogNormalError(),
        "car_t": error_models.CombinedError(priors.HalfNormal(5.0), priors.Fixed(0.3)),
    },
    seed=1,
    population=TOGETHER,
)


OWN = {"car_transgene": error_models.ProportionalError()}


def test_patients_together_share_sds_and_factors_and_say_no_population(tmp_path):
    data = of_three(tmp_path)
    population = STEIN.population_problem(data)
    result = FitResult(STEIN, data, (SimpleNamespace(parameters=NO_MEDIANS),), About("three"))
    problem = write_petab(result, tmp_path / "out")
    read = tables(tmp_path / "out")
    named = set(read.parameters["parameterId"])
    assert {"cmax_1", "cmax_3", "beta", "logit_fb", "sigma_car_transgene", "sigma_additive_car_t"} <= named
    assert {"scale_car_t_x", "scale_car_t_y"} <= {name.rstrip("_") for name in named}
    assert not {name for name in named if name.startswith(("omega", "beta_cmax"))}
    said = "\n".join(problem.priors)
    assert "cmax: normal over patients on its log scale" in said
    assert "beta_cmax_product[y], effect of a covariate" in said
    own = read.parameters.set_index("parameterName")
    assert own.loc["cmax, 1", "objectivePriorType"] == ""
    assert own.loc["beta", "objectivePriorType"] == "parameterScaleNormal"
    middle = [item.prior.median for item in population.free]
    individual = [e.parameter.prior.median for e in population.effects] * 3
    terms = population.pointwise(np.array([[*middle, *individual]]))[0]
    total = terms[population.arrays.censoring == 0].sum()
    assert log_likelihood(read, simulated(read, tmp_path)) == pytest.approx(total, abs=1e-6)


def test_every_change_of_the_likelihood_is_said(tmp_path):
    model = "singh2021_bb2121"
    first, second, *_ = load_model(model).output_names
    rule = Rule("a second dose", first, above=100.0, give=(Dose(1e8),))
    rows = [f"a,{day},{first},{100.0 * day},1,x" for day in (1, 2, 3)]
    rows += [f"a,{day},{second},{day},1,x" for day in (1, 2, 3)]
    data = small(tmp_path, *rows)
    errors = {
        first: error_models.StudentTError(),
        second: error_models.NegativeBinomialError(priors.LogNormal(3.0, 1.0)),
    }
    plan = Plan(model, errors, seed=1)
    problem = petab_problem(plan, data)
    said = "\n".join(problem.likelihood)
    assert "Student-t with 4 degrees of freedom" in said
    assert f"{second}: samples left out, PEtab having no counts: all 3" in said
    assert set(problem.measurements["observableId"]) == {f"obs_{first}"}
    ruled = Plan(model, {first: errors[first]}, seed=1, rules=(RulePlan(rule),))
    assert "a second dose by a rule that watches car_transgene is not given to a" in "\n".join(
        petab_problem(ruled, data).likelihood
    )
    with pytest.raises(FitError, match="no sample of this fit can be said"):
        petab_problem(Plan(model, {second: errors[second]}, seed=1), data)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # petab 0.8.2 calls pandas 3 in the old ways
@pytest.mark.parametrize("plan", [STEIN, replace(STEIN, population=None, errors=OWN)])
def test_petab_accepts_sds_that_depend_on_the_prediction(plan, tmp_path):
    pytest.importorskip("petab")
    result = FitResult(plan, of_three(tmp_path), (SimpleNamespace(parameters=NO_MEDIANS),), About("three"))
    write_petab(result, tmp_path / "out")
    linted(tmp_path / "out")


def test_a_finished_fit_gives_its_medians_and_is_not_written_over(tmp_path):
    data = small(tmp_path, *(f"p 1,{day},car_transgene,{900 * day},copies/ug,x" for day in (5, 9, 12)))
    plan = Plan("stein2019_tisagenlecleucel", {"car_transgene": error_models.LogNormalError()}, seed=1)
    table = pd.DataFrame({"subject": ["p 1"], "name": ["tmax"], "median": [11.5]})
    result = FitResult(plan, data, (SimpleNamespace(parameters=table),), About("a fit"))
    write_petab(result, tmp_path / "out")
    parameters = tables(tmp_path / "out").parameters.set_index("parameterId")["nominalValue"].astype(float)
    assert parameters["tmax_p_1"] == 11.5
    assert parameters["beta_p_1"] == pytest.approx(load_model(plan.model).parameter("beta").prior.median)
    with pytest.raises(CartsimError, match="holds something already"):
        write_petab(result, tmp_path / "out")


def test_a_driven_model_is_refused(tmp_path):
    plan = Plan("cytokine_release_driven", {"il6": error_models.LogNormalError()}, seed=1)
    with pytest.raises(ModelError, match="measured series"):
        petab_problem(plan, small(tmp_path, *(f"a,{day},il6,5,pg/mL,x" for day in (1, 2, 3))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "one of two things"),
        (["--sbml", "a", "--petab", "b"], "one of two things"),
        (["--petab", "b", "--dose", "1"], "--dose does not go with --petab"),
        (["--sbml", "a", "--data", "t.csv"], "--data does not go with --sbml"),
    ],
)
def test_options_that_do_not_go_together(options, words):
    done = CliRunner().invoke(app, ["export", FIT, *options])
    assert done.exit_code
    assert words in str(done.exception)
