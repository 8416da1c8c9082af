"""The README's table of speed, written from the recorded result so that the two cannot differ.

python -m benchmarks.readme
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.record import RESULTS, table

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- speed: python -m benchmarks.readme -->\n", "<!-- /speed -->\n"
MODEL, TARGETS = "crs16", ("0.0001", "1e-06")
OWN = "cartsim"


def slower(model: Mapping, solver: str, target: str) -> float | None:
    """How many times longer than the faster cartsim method a solver takes at the median patient's error."""
    found = [by[solver]["median"][target] for by in model["ratios"].values() if solver in by]
    known = [ratio[0] for ratio in found if ratio is not None]
    return max(known) if known else None


def speed_table(result: Mapping) -> str:
    """Rows: solver, times slower at each target; then where and when it was measured."""
    (model,) = (item for item in result["models"] if item["model"] == MODEL)
    solvers = dict.fromkeys(timing["solver"] for timing in model["timings"])
    rows = []
    for name in solvers:
        if name.startswith(OWN):
            continue
        ratios = [slower(model, name, target) for target in TARGETS]
        rows.append([name, *("not reached" if ratio is None else f"{_short(ratio)}x" for ratio in ratios)])
    at = result["setting"]
    where = f"{at['date']}, {at['processor']}, one core, medians of interleaved repeats."
    lines = table(["solver", "time at error 1e-4", "at 1e-6"], rows)
    return "\n".join([*lines, f"*{where} Slowdown against the faster of cartsim's two stiff methods.*", ""])


def _short(ratio: float) -> str:
    """Three digits, whole from a hundred on."""
    return f"{ratio:,.0f}" if ratio >= 100.0 else f"{ratio:.3g}"


def main() -> None:
    """Write the table between the README's marks."""
    result = json.loads((RESULTS / "work_precision.json").read_text(encoding="utf-8"))
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(before + BEGIN + speed_table(result) + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
