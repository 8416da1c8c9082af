"""Kimmel 2021, Adhikarla 2021 and CARRGO: one test a line of tests/reference/mechanistic.csv.

SciPy solves the models' plain equations in the fast suite; the same lines go through the kernels behind
-m slow.
"""

import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cartsim.endpoints.extinction import BirthDeath
from cartsim.models import load_model
from tests.models import two_solvers

FILE = Path(__file__).resolve().parents[1] / "reference" / "mechanistic.csv"
ROWS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))
GRIDS = {
    "kimmel2021": np.union1d(np.arange(0.0, 12.0, 0.02), np.arange(0.0, 500.5, 0.5)),
    "adhikarla2021": np.arange(0.0, 110.01, 0.05),
    "carrgo2020": np.arange(0.0, 6.25, 0.25),
}
Outputs = dict[str, np.ndarray]


@cache
def by_scipy(name: str, scenario: str | None, parameters: tuple[tuple[str, float], ...] = ()) -> Outputs:
    """The published scenario on the model's grid by LSODA."""
    return vars(two_solvers.by_scipy(name, GRIDS[name], scenario, **dict(parameters)))


@cache
def by_kernels(name: str, scenario: str | None, parameters: tuple[tuple[str, float], ...] = ()) -> Outputs:
    return vars(two_solvers.by_kernels(name, GRIDS[name], scenario, **dict(parameters)))


SOLVERS = [pytest.param(by_scipy, id="SciPy"), pytest.param(by_kernels, id="kernels", marks=pytest.mark.slow)]
Solver = Callable[..., Outputs]


def rows_of(model: str) -> list:
    chosen = [row for row in ROWS if row["model"] == model]
    return [pytest.param(row, id=f"{row['scenario']}, {row['quantity']}") for row in chosen]


def margin(row: dict, expected: float) -> float:
    """The allowed difference in the row's own unit: per cent of the expected, or as it stands."""
    text = row["tolerance"]
    return float(text.rstrip("%")) / 100.0 * abs(expected) if text.endswith("%") else float(text)


def close(row: dict, got: tuple[float, ...]) -> list[bool]:
    expected = [float(text) for text in row["expected"].split("/")]
    return [abs(g - e) <= margin(row, e) for g, e in zip(got, expected, strict=True)]


def at(times: np.ndarray, values: np.ndarray, day: float) -> float:
    place = int(np.searchsorted(times, day - 1e-9))
    assert times[place] == pytest.approx(day)
    return float(values[place])


def test_the_table_holds_every_check_row_of_these_models_with_its_status():
    count = {model: sum(row["model"] == model for row in ROWS) for model in GRIDS}
    assert count == {"kimmel2021": 12, "adhikarla2021": 5, "carrgo2020": 15}
    assert {row["status"] for row in ROWS} == {"must_pass", "known_mismatch", "own_run"}
    assert sum(row["status"] == "must_pass" for row in ROWS) == 14
    assert all("doi:" in row["source"] for row in ROWS)


def kimmel_cells(quantity: str, run: Outputs) -> tuple[float, ...]:
    times = GRIDS["kimmel2021"]
    output = run["car_t" if quantity.startswith("C") else "normal_t"]
    if day := re.search(r"\((\d+)\)", quantity):
        return (at(times, output, float(day[1])),)
    peak = int(output.argmax())
    return (float(times[peak]),) if quantity == "C peak time" else (float(output[peak]),)


def kimmel_cure(quantity: str, run: Outputs) -> tuple[float, ...]:
    rates = BirthDeath(GRIDS["kimmel2021"], run["tumor_birth"], run["tumor_death"])
    gone = rates.extinction(run["tumor"][0])
    if quantity.startswith("P(cure)"):
        return (gone.cure_probability,)
    if quantity.startswith("cure time"):
        return tuple(gone.cure_day(q) for q in (0.05, 0.5, 0.95))
    return (rates.progression_day(1.2),)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row", rows_of("kimmel2021"))
def test_kimmel_2021(row: dict, solver: Solver):
    if row["scenario"].startswith("SBML"):
        got = kimmel_cells(row["quantity"], solver("kimmel2021", "SBML"))
    else:
        growth = float(re.search(r"r_B=([\d.]+)", row["quantity"])[1])
        got = kimmel_cure(row["quantity"], solver("kimmel2021", None, (("r_b", growth),)))
    assert all(close(row, got)), got


def mouse_endpoints(run: Outputs) -> dict[str, float]:
    """PFS (back above the burden of day 7), OS (1e11 cells) and day of the lowest burden in between."""
    times, burden = GRIDS["adhikarla2021"], run["tumor"]
    dead = int(np.argmax(burden >= 1e11))
    seventh = int(np.searchsorted(times, 7.0 - 1e-9))
    lowest = seventh + int(np.argmin(burden[seventh:dead]))
    back = lowest + int(np.argmax(burden[lowest:] > burden[seventh]))
    return {"PFS": float(times[back]), "OS": float(times[dead]), "nadir": float(times[lowest])}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row", rows_of("adhikarla2021"))
def test_adhikarla_2021(row: dict, solver: Solver):
    label, _, names = row["quantity"].rpartition(" ")
    scenario = label.rstrip(":")
    seen = mouse_endpoints(solver("adhikarla2021", scenario))
    got = tuple(seen[name] for name in names.split("/"))
    if row["status"] == "must_pass":
        assert all(close(row, got)), got
        return
    # What the paper says is not reproduced; what ours says instead stands in the note, and must stay so.
    ours = re.search(r"\(([\d./]+)\)", row["note"])[1].split("/")
    assert got == pytest.approx([float(text) for text in ours], abs=0.1)
    assert not any(close({**row, "tolerance": "1"}, got)), "reproduced: take the mark away"


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("row", rows_of("carrgo2020"))
def test_carrgo_2020_equals_a_run_of_its_equations_made_elsewhere(row: dict, solver: Solver):
    output, day = re.fullmatch(r"(\w+)\((\d+)\)", row["quantity"]).groups()
    got = at(GRIDS["carrgo2020"], solver("carrgo2020", row["scenario"])[output], float(day))
    assert all(close(row, (got,))), got


def test_adhikarla_untreated_with_a_million_cells_lives_as_long_as_published():
    """The paper's control (43 days) fits a start of 1e6 cells, not the printed 5e6."""
    seen = mouse_endpoints(by_scipy("adhikarla2021", "control", (("tumor0", 1e6),)))
    assert seen["OS"] == pytest.approx(42.6, abs=0.1)


def test_adhikarla_with_less_sensitive_car_t_cells_comes_closer_to_the_combination_but_not_to_it():
    seen = mouse_endpoints(by_scipy("adhikarla2021", "CAR-T then TRT", (("alpha_c", 0.15),)))
    # the sheet's own run; the paper has 55, 97 and 44
    assert list(seen.values()) == pytest.approx([60.5, 92.8, 31.5], abs=0.1)


def test_kimmel_without_any_t_cell_stays_without():
    model = load_model("kimmel2021")
    rates = model.derivatives(0.0, [0.0, 0.0, 1e10], model.values)
    assert rates[:2] == [0.0, 0.0]
    assert rates[2] == pytest.approx(0.01 * 1e10)


def test_carrgo_without_car_t_cells_is_logistic_growth():
    model, t = load_model("carrgo2020"), 2.5
    rho, capacity, start = (model.parameter(name).value for name in ("rho", "capacity", "tumor0"))
    grown = solve_ivp(
        lambda t, y: model.derivatives(t, y, model.values), (0.0, t), [start, 0.0], rtol=1e-10, atol=1e-12
    ).y[:, -1]
    assert grown[0] == pytest.approx(capacity / (1.0 + (capacity / start - 1.0) * np.exp(-rho * t)), rel=1e-7)
    assert grown[1] == 0.0
    assert model.course() is None, "without a scenario no CAR-T cells are given"
