"""Models to SBML and back: the same rates, starts and doses; other tools agree; what has no words is named."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import ModelError
from cartsim.interop.model_file import model_file_text
from cartsim.interop.sbml_write import sbml_text
from cartsim.models import load_model, model_names
from cartsim.regimen.regimen import Regimen
from cartsim.spec.check import starts
from tests.models.two_solvers import by_scipy

pytest.importorskip("libsbml")
EXPORTED = [name for name in model_names() if not load_model(name).inputs]


def returned(name, folder, **options):
    """A shipped model, written as SBML and read back."""
    xml = folder / f"{name}.xml"
    xml.write_text(sbml_text(load_model(name), **options), encoding="utf-8")
    return imported(xml)


def imported(xml):
    path = xml.with_suffix(".py")
    path.write_text(model_file_text(xml), encoding="utf-8")
    return load_model(path)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_model_comes_back_with_the_same_rates_and_ends(name, tmp_path):
    model, again = load_model(name), returned(name, tmp_path)
    rng = np.random.default_rng(1)
    start = starts(model, model.values)
    for t in (0.5, 3.0, 20.0, 50.0):
        y = dict(
            zip(
                model.state_names,
                start * rng.uniform(0.5, 2.0, len(start)) + rng.random(len(start)),
                strict=True,
            )
        )
        ours = dict(zip(model.state_names, model.derivatives(t, list(y.values()), model.values), strict=True))
        rates = again.derivatives(t, [y[name] for name in again.state_names], again.values)
        theirs = dict(zip(again.state_names, rates, strict=True))
        largest = max(abs(float(rate)) for rate in ours.values())
        for state, rate in ours.items():
            assert float(theirs[state]) == pytest.approx(float(rate), rel=1e-12, abs=1e-13 * largest), state
    ends = {state.name: state.extinct_below for state in model.states}
    assert {state.name: state.extinct_below for state in again.states} == ends
    assert set(again.output_names) == set(model.output_names)


@pytest.mark.parametrize("name", ["singh2021_bb2121", "kirouac2023", "theophylline", "bcma_myeloma"])
def test_the_trajectories_are_the_same(name, tmp_path):
    model, again = load_model(name), returned(name, tmp_path)
    start = dict(zip(again.state_names, starts(again, again.values), strict=True))
    order = [model.state_names.index(state) for state in again.state_names]

    def course(of, y):
        def rates(t, y):
            return of.derivatives(t, y, of.values)

        solved = solve_ivp(rates, (0.0, 28.0), y, "LSODA", [1.0, 7.0, 28.0], rtol=1e-11, atol=1e-11)
        assert solved.success
        return solved.y

    ours = course(model, [start[state] for state in model.state_names])[order]
    theirs = course(again, [start[state] for state in again.state_names])
    np.testing.assert_allclose(theirs, ours, rtol=1e-8, atol=1e-9)


def test_doses_after_day_zero_come_back_as_the_course(tmp_path):
    again = returned("hardiansyah2019", tmp_path, scenario="UPN3", dose=2.0)
    given = [(dose.time, pytest.approx(dose.amount)) for dose in Regimen.published(again).doses]
    assert given == [(1.0, 0.6), (2.0, 1.2)]
    first = dict(zip(again.state_names, starts(again, again.values), strict=True))
    assert first["effector"] == pytest.approx(0.2), "the part of day 0 stands in the start"
    assert first["b_cells"] == pytest.approx(0.93)


@pytest.mark.parametrize(
    ("name", "scenario"), [("singh2021_bb2121", "burden_x2"), ("hardiansyah2019", "UPN3")]
)
def test_libroadrunner_agrees(name, scenario):
    roadrunner = pytest.importorskip("roadrunner")
    runner = roadrunner.RoadRunner(sbml_text(load_model(name), scenario=scenario))
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-10, 1e-12
    outputs = load_model(name).output_names
    found = np.array(runner.simulate(0.0, 28.0, 29, ["time", *(f"out_{output}" for output in outputs)]))
    ours = by_scipy(name, np.arange(0.0, 28.5, 1.0), scenario)
    for k, output in enumerate(outputs):
        reference = getattr(ours, output)
        np.testing.assert_allclose(found[:, k + 1], reference, rtol=1e-6, atol=1e-8 * np.abs(reference).max())


# ruff: noqa: E501
LEVEL_3 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
<model id="TwoPools">
<listOfFunctionDefinitions><functionDefinition id="MM"><math xmlns="http://www.w3.org/1998/Math/MathML">
<lambda><bvar><ci>x</ci></bvar><bvar><ci>K</ci></bvar>
<apply><divide/><ci>x</ci><apply><plus/><ci>K</ci><ci>x</ci></apply></apply></lambda></math></functionDefinition></listOfFunctionDefinitions>
<listOfCompartments><compartment id="Blood" size="2" constant="true" spatialDimensions="3"/></listOfCompartments>
<listOfSpecies>
<species id="S1" compartment="Blood" initialConcentration="4" hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>
<species id="S2" compartment="Blood" initialAmount="1" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>
<species id="Fixed" compartment="Blood" initialConcentration="3" hasOnlySubstanceUnits="false" boundaryCondition="true" constant="true"/>
</listOfSpecies>
<listOfParameters><parameter id="k" value="0.5" constant="false"/><parameter id="twice" constant="false"/>
<parameter id="X" value="7" constant="false"/></listOfParameters>
<listOfRules>
<assignmentRule variable="twice"><math xmlns="http://www.w3.org/1998/Math/MathML"><piecewise>
<piece><cn>2</cn><apply><and/><apply><geq/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol><cn>1</cn></apply>
<apply><lt/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol><cn>3</cn></apply></apply></piece>
<otherwise><cn>0</cn></otherwise></piecewise></math></assignmentRule>
<rateRule variable="X"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><ci>twice</ci><apply><power/><ci>X</ci><cn>2</cn></apply></apply></math></rateRule>
</listOfRules>
<listOfReactions><reaction id="R1" reversible="false" fast="false">
<listOfReactants><speciesReference species="S1" stoichiometry="2" constant="true"/><speciesReference species="Fixed" stoichiometry="1" constant="true"/></listOfReactants>
<listOfProducts><speciesReference species="S2" stoichiometry="1" constant="true"/></listOfProducts>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>vmax</ci><ci>Fixed</ci>
<apply><ci>MM</ci><ci>S1</ci><cn>1.5</cn></apply></apply></math>
<listOfLocalParameters><localParameter id="vmax" value="10"/></listOfLocalParameters></kineticLaw></reaction></listOfReactions>
<listOfEvents>
<event id="dose" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><geq/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol><cn>5</cn></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="S2"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/><ci>S2</ci><cn>8</cn></apply></math></eventAssignment></listOfEventAssignments></event>
<event id="slower" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><gt/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol><cn>4</cn></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="k"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>0.1</cn></math></eventAssignment></listOfEventAssignments></event>
</listOfEvents>
</model></sbml>
"""
LEVEL_2 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4">
<model id="decay"><listOfCompartments><compartment id="c" size="1"/></listOfCompartments>
<listOfSpecies><species id="A" compartment="c" initialAmount="3"/></listOfSpecies>
<listOfParameters><parameter id="half" value="2"/></listOfParameters>
<listOfInitialAssignments><initialAssignment symbol="A"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><cn>6</cn><ci>half</ci></apply></math></initialAssignment></listOfInitialAssignments>
<listOfReactions><reaction id="loss" reversible="false"><listOfReactants><speciesReference species="A"/></listOfReactants>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><divide/><apply><times/><ci>k</ci><ci>A</ci></apply><ci>half</ci></apply></math>
<listOfParameters><parameter id="k" value="0.25"/></listOfParameters></kineticLaw></reaction></listOfReactions>
</model></sbml>
"""


def written(folder, text, name="model.xml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_document_of_level_3_means_what_it_says(tmp_path):
    model = imported(written(tmp_path, LEVEL_3))
    assert model.name == "two_pools"
    first = dict(zip(model.state_names, starts(model, model.values), strict=True))
    assert first == {"s1": 4.0, "s2": 1.0, "x": 7.0}

    def rates(t, **y):
        return dict(
            zip(
                model.state_names,
                model.derivatives(t, [y[n] for n in model.state_names], model.values),
                strict=True,
            )
        )

    flow = 0.5 * 10.0 * 3.0 * 4.0 / 5.5  # amount per day
    early = rates(0.5, s1=4.0, s2=1.0, x=2.0)
    assert early == pytest.approx({"s1": -2.0 * flow / 2.0, "s2": flow, "x": -4.0}), (
        "S1 is a concentration in 2"
    )
    assert rates(2.0, s1=4.0, s2=1.0, x=2.0)["x"] == pytest.approx(-2.0), "between day 1 and 3"
    assert rates(3.5, s1=4.0, s2=1.0, x=2.0)["x"] == pytest.approx(-4.0)
    assert rates(4.5, s1=4.0, s2=1.0, x=2.0)["s2"] == pytest.approx(flow / 5.0), "k falls to 0.1 on day 4"
    assert [(dose.time, dose.amount) for dose in Regimen.published(model).doses] == [(5.0, 8.0)]
    assert list(model.infused) == ["s2"]


def test_a_document_of_level_2_means_what_it_says(tmp_path):
    model = imported(written(tmp_path, LEVEL_2))
    assert starts(model, model.values).tolist() == [12.0]
    assert float(model.derivatives(0.0, [8.0], model.values)[0]) == pytest.approx(-0.25 * 8.0 / 2.0)
    assert model.parameter("loss_k").value == 0.25


def test_everything_that_has_no_words_is_named_at_once(tmp_path):
    bad = LEVEL_2.replace(
        "<listOfReactions>",
        """<listOfRules><algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><ci>A</ci><cn>1</cn></apply></math></algebraicRule></listOfRules><listOfReactions>""",
    )
    bad = bad.replace(
        "</model>",
        """<listOfEvents><event id="late"><trigger><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><gt/><ci>A</ci><cn>1</cn></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="A"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>2</cn></math></eventAssignment></listOfEventAssignments></event></listOfEvents></model>""",
    )
    with pytest.raises(
        ModelError, match=r"algebraic rule.*event late is triggered by 'A > 1', not at a time"
    ):
        model_file_text(written(tmp_path, bad))


@pytest.mark.parametrize(
    ("text", "words"), [("<sbml", "not valid SBML"), (LEVEL_2.replace('symbol="A"', 'symbol="B"'), "B")]
)
def test_files_that_are_no_sbml_are_refused(tmp_path, text, words):
    with pytest.raises(ModelError, match=words):
        model_file_text(written(tmp_path, text))


def test_a_model_that_follows_measured_series_cannot_be_exported():
    with pytest.raises(ModelError, match="measured series"):
        sbml_text(load_model("cytokine_release_driven"))


def test_the_commands_write_and_read(tmp_path):
    xml, model = tmp_path / "singh.xml", tmp_path / "singh.py"
    out = CliRunner().invoke(
        app, ["export", "singh2021_bb2121", "--sbml", str(xml), "--scenario", "burden_x2"]
    )
    assert out.exit_code == 0, out.output
    out = CliRunner().invoke(app, ["import", str(xml), "--out", str(model)])
    assert out.exit_code == 0, out.output
    assert "8 states" in out.output
    assert load_model(model).parameter("tumor0").value == 5e9
