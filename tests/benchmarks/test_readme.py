"""What the README says of speed is what was recorded."""

import json

from benchmarks.readme import BEGIN, END, README, slower, speed_table
from benchmarks.record import RESULTS

RESULT = json.loads((RESULTS / "work_precision.json").read_text(encoding="utf-8"))


def test_the_table_in_the_readme_is_the_recorded_one():
    text = README.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown == speed_table(RESULT), "python -m benchmarks.readme writes it anew"


def test_the_figure_beside_it_is_there():
    assert "benchmarks/results/work_precision.png" in README.read_text(encoding="utf-8")
    assert (RESULTS / "work_precision.png").stat().st_size > 10_000


def test_a_solver_that_reaches_no_target_is_not_given_a_number():
    model = {"ratios": {"a": {"slow": {"median": {"0.0001": [3.0, 2.0, 4.0], "1e-06": None}}}}}
    assert slower(model, "slow", "0.0001") == 3.0
    assert slower(model, "slow", "1e-06") is None
    assert slower(model, "absent", "0.0001") is None
