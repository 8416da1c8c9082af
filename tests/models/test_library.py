"""The library of published models: one test a line of tests/reference/model_library.csv.

SciPy solves the models' plain equations in the fast suite; the same lines go through the kernels behind
-m slow.
"""

import csv
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from tests.models.two_solvers import SOLVERS, Run, by_scipy

FILE = Path(__file__).resolve().parents[1] / "reference" / "model_library.csv"
ROWS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))
GONE = 8e5  # cells on day 300 up to which Barros 2021 speaks of complete response; progression above 1e10


def rows_of(*models: str) -> list:
    chosen = [row for row in ROWS if row["model"].startswith(models)]
    return [pytest.param(row, id=f"{row['model']}, {row['scenario']}, {row['quantity']}") for row in chosen]


def margin(row: dict, expected: float) -> float:
    """The allowed difference in the row's own unit: per cent of the expected, or as it stands."""
    size = float(row["tolerance"].rstrip("%"))
    return size / 100.0 * abs(expected) if "%" in row["tolerance"] else size


def agrees(row: dict, found: float) -> None:
    expected = float(row["expected"])
    assert found == pytest.approx(expected, abs=margin(row, expected))


@cache
def solved(run: Run, name: str, last: float, step: float, *scenario_and_dose):
    scenario, dose = (*scenario_and_dose, None, None)[:2]
    return run(name, np.arange(0.0, last + step / 2, step), scenario, dose)


def number_in(quantity: str) -> float:
    return float(re.search(r"\(([\d.]+)\)", quantity)[1])


def test_the_table_holds_every_line_of_these_models_with_its_source():
    assert len(ROWS) == 108
    assert all(set(row["provenance"].split("+")) <= {"P", "T", "O"} and row["source"] for row in ROWS)


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("park2025"))
def test_park_2025(row, run):
    share = re.search(r"dose x([\d.]+)", row["scenario"])
    dose = 7e7 * float(share[1]) if share else None
    course = solved(run, "park2025", 30.0, 0.25, None, dose)
    late = np.where(course.times >= 1.0, course.car_t, 0.0)  # the infused cells themselves read high at first
    agrees(row, late.max() if row["quantity"] == "Cmax" else course.times[late.argmax()])


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("hardiansyah2019"))
def test_hardiansyah_2019(row, run):
    course = solved(run, "hardiansyah2019", 120.0, 0.01, row["scenario"][:4])
    values = {
        "peak total CAR-T": course.car_t,
        "time": course.car_t,
        "peak memory": course.memory,
        "peak IL-6": course.il6,
        "peak IL-10": course.il10,
        "peak IFNg": course.ifng,
    }[row["quantity"]]
    agrees(row, course.times[values.argmax()] if row["quantity"] == "time" else values.max())


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("chaudhury2020", "leontriana"))
def test_chaudhury_2020_and_leon_triana_2020_and_2021(row, run):
    days = {"leontriana2020": 365.0, "leontriana2021_single": 400.0}.get(row["model"], 100.0)
    course = solved(run, row["model"], days, 0.01)
    outputs = {
        "C": "car_t",
        "U": "tumor",
        "T": "tumor",
        "L": "leukemia",
        "C_on": "car_t_on",
        "C_off": "car_t_off",
    }
    what = re.match(r"(C_on|C_off|[A-Z])(?=max| |\()", row["quantity"])[1]
    values = getattr(course, outputs[what])
    if "(" in row["quantity"]:
        agrees(row, values[np.searchsorted(course.times, number_in(row["quantity"]) - 1e-9)])
    elif "min" in row["quantity"]:
        agrees(row, values.min())
    else:
        agrees(row, course.times[values.argmax()] if "time" in row["quantity"] else values.max())


def barros(run: Run, scenario: str, quantity: str, expected: str) -> float:
    course = solved(run, "barros2021", 14.0, 0.01, scenario)
    if quantity.startswith("CT peak"):
        peak = course.effector.argmax()
        return course.times[peak] if "time" in quantity else course.effector[peak] / 1e7
    return course.tumor[np.searchsorted(course.times, number_in(quantity) - 1e-9)]


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", [item for item in rows_of("barros2021") if "RAJI" in item.id])
def test_barros_2021_raji(row, run):
    agrees(row, barros(run, row["scenario"].partition(";")[0], row["quantity"], row["expected"]))


@cache
def hdlm2(run: Run):
    times = np.arange(0.0, 500.01, 0.05)
    return run("barros2021", times, "HDLM-2", None, (Dose(1e6, 250.0, target="tumor"),))


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", [item for item in rows_of("barros2021") if "2e6 CAR-T" in item.id])
def test_barros_2021_hdlm2_and_its_rechallenge(row, run):
    course = hdlm2(run)
    at = lambda day: np.searchsorted(course.times, day - 1e-9)  # noqa: E731
    first_gone = lambda day: course.times[(course.times > day) & (course.tumor == 0.0)][0]  # noqa: E731
    found = {
        "T(42)": lambda: course.tumor[at(42.0)],
        "tumour eliminated (1e-6 rule)": lambda: first_gone(42.0),
        "CM max": lambda: course.memory[course.times < 250.0].max(),
        "CM(250)": lambda: course.memory[at(250.0)],
        "rechallenge 1e6 at 250 cleared": lambda: first_gone(250.0),
        "CM(500)": lambda: course.memory[at(500.0)],
    }
    agrees(row, found[row["quantity"]]())


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", [item for item in rows_of("barros2021") if "dose scan" in item.id])
def test_barros_2021_dose_scan(row, run):
    def left(dose: float) -> float:
        return run("barros2021", np.array([0.0, 300.0]), "HDLM-2", dose).tumor[-1]

    if "threshold" in row["quantity"] or "threshold" in row["expected"]:
        assert left(2.50e5) > 1e10
        assert left(2.55e5) <= GONE
        return
    dose, words = float(row["quantity"]), row["expected"]
    if words == "eliminated":
        assert left(dose) == 0.0
    elif words.startswith("residual"):
        assert left(dose) == pytest.approx(944.0, rel=0.01)
    else:
        assert left(dose) > 6e11


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("gallaher2018"))
def test_gallaher_2018(row, run):
    scenario = "as encoded" if "swapped" in row["quantity"] else "as intended"
    course = run("gallaher2018", np.array([0.0, 3000.0]), scenario)
    found = [course.myeloma[-1], course.t_cells[-1], course.nk_cells[-1], course.tregs[-1]]
    np.testing.assert_allclose(found, [float(v) for v in row["expected"].split("/")], rtol=1e-3)


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("hanson2016"))
def test_hanson_2016(row, run):
    course = solved(run, "hanson2016", 1000.0, 1.0, row["scenario"])
    name, quantity = row["quantity"].partition(" ")[::2]
    values = {"I": course.inflammation, "Ce": course.cd8_effector, "B": course.tumor}[name.partition("(")[0]]
    if "(" in name:
        agrees(row, values[-1])
    else:
        agrees(row, course.times[values.argmax()] if "day" in quantity else values.max())


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("dobreva2021", "netterberg2018"))
def test_dobreva_2021_and_netterberg_2018(row, run):
    last, step = (0.5, 0.05 / 24) if row["model"].startswith("dobreva") else (21.0, 0.5 / 24)
    course = solved(run, row["model"], last, step, row["scenario"])
    values = getattr(course, row["quantity"].split()[0])
    agrees(row, 24.0 * course.times[values.argmax()] if "hour" in row["quantity"] else values.max())


@cache
def frey(run: Run, scenario: str):
    times = np.union1d(np.arange(0.0, 336.01, 0.25), [27.999 + 28 * k for k in range(12)])
    rounds = Regimen.single(560.0).repeated(28.0, 12).doses[1:] if "every" in scenario else ()
    return run("frey2010_tocilizumab", times, None, None, rounds)


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("frey2010"))
def test_frey_2010(row, run):
    course = frey(run, row["scenario"])
    level, days = course.tocilizumab, course.times
    if row["quantity"].startswith("C("):
        agrees(row, level[np.searchsorted(days, number_in(row["quantity"]) - 1e-9)])
    elif row["quantity"].startswith("days"):
        agrees(row, days[level > 1.0].max())
    elif row["quantity"] == "AUC":
        agrees(row, np.trapezoid(level, days))
    else:
        last = days > 300.0  # the twelfth round
        agrees(
            row,
            level[last].max() if row["quantity"] == "Cmax" else level[np.searchsorted(days, 307.999 - 1e-6)],
        )


@pytest.mark.parametrize("run", SOLVERS)
@pytest.mark.parametrize("row", rows_of("kim2007"))
def test_kim_2007(row, run):
    """From the slope of what is left when production stops."""
    level = float(row["scenario"].split()[0])
    course = run("kim2007_igg", np.array([0.0, 0.01]), None, None, igg_start=level, production=0.0)
    agrees(row, np.log(2.0) * 0.01 / np.log(course.igg[0] / course.igg[1]))
    assert course.half_life[0] == pytest.approx(float(row["expected"]), rel=0.01)


def test_kim_2007_normal_igg_stays():
    course = by_scipy("kim2007_igg", np.array([0.0, 100.0]))
    assert course.igg[-1] == pytest.approx(12.1, rel=1e-8)


def test_dobreva_2021_rest_is_a_steady_state():
    course = by_scipy("dobreva2021", np.array([0.0, 1.0]), "Copeland", 0.0, resting_start=30_000.0)
    for name, rest in (("tnf", 0.8), ("il6", 1.5), ("il8", 4.0), ("il10", 0.2), ("temperature", 36.8)):
        assert getattr(course, name)[-1] == pytest.approx(rest, rel=1e-6)


def test_park_2025_b_cells_return_when_few_car_t_cells_are_left():
    """From the sheet: blood CAR-T cells fall below 2.38 per uL on day 55."""
    course = by_scipy("park2025", np.arange(0.0, 120.0, 0.25))
    late = course.times > 20.0
    day = course.times[late & (course.car_t < 2.38)][0]
    assert day == pytest.approx(55.0, abs=1.0)
    before = course.b_cells_new[np.searchsorted(course.times, [20.0, day - 1.0])]
    assert before[1] == pytest.approx(before[0], rel=1e-6), "none appear while CAR-T cells are many"
    slope = np.diff(course.b_cells_new[course.times > day + 1.0]) / 0.25
    assert slope[0] == pytest.approx(1.58e6, rel=0.1), "then at the published rate"


def test_park_2025_stays_finite_when_the_target_is_gone():
    model = load_model("park2025")
    y = np.zeros(len(model.states))
    y[model.state_names.index("cd8_em_blood")] = 1e9
    assert np.isfinite(np.array(model.derivatives(0.0, y, model.values), dtype=float)).all()


def test_dexamethasone_suppresses_after_a_delay_and_not_for_long():
    course = by_scipy("dexamethasone_composite", np.linspace(0.0, 4.0, 401))
    assert course.dexamethasone[0] == pytest.approx(10e3 / 60.0)
    peak = course.times[course.suppression.argmax()]
    # two rates k and e: the effect site peaks at ln(k/e) / (k - e)
    assert peak == pytest.approx(np.log(4.8 / 4.0) / 0.8, abs=0.01)
    assert course.suppression.max() < 0.79
    assert course.suppression[-1] < 0.01
