"""`cartsim bench` prints how much longer SciPy takes at equal error."""

import re

import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.study.scipy_race import QUICK, comparison_rows
from cartsim.study.speed import Race, Timing


def timings(name: str, microseconds: float) -> list[Timing]:
    return [Timing(name, rtol, 8, (microseconds,), rtol, rtol, 0) for rtol in (1e-3, 1e-4, 1e-5)]


def test_the_table_gives_ratios_to_the_faster_own_method_and_none_to_itself() -> None:
    found = Race(
        (*timings("cartsim Rodas4", 10.0), *timings("cartsim Rodas5P", 20.0), *timings("scipy", 3000.0)), ()
    )
    rows = {row[0]: row[4:] for row in comparison_rows(found)}
    # The ratio to the method that takes longest to this error would be 150.
    assert rows == {
        "cartsim Rodas4": ["", "", ""],
        "cartsim Rodas5P": ["", "", ""],
        "scipy": ["300x", "300x", "300x"],
    }


@pytest.mark.slow
def test_a_quick_bench_of_one_model_prints_every_solver_with_a_ratio() -> None:
    words = ["bench", "--quick", "--patients", "8", "--repeats", "1", "stein2019_tisagenlecleucel"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0
    for solver in ("cartsim Rodas4", "cartsim Rodas5P", *QUICK.solvers):
        assert solver in answer.stdout
    lines = [line for line in answer.stdout.splitlines() if "scipy" in line]
    ratios = [float(found.replace(",", "")) for line in lines for found in re.findall(r"([\d,]+)x", line)]
    assert ratios
    assert min(ratios) > 1.0, "cartsim solves a patient faster than SciPy at any of the errors"
