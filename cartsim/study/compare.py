"""Whether a run reproduces a committed result: medians and interval ends agree within Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

# Two correct runs differ by more than this many combined standard errors in 6 of 100,000 comparisons, so a
# fit of six patients (126 comparisons) is called different by chance in fewer than one of a hundred checks.
TOLERATED_ERRORS = 4.0
QUANTITIES = ("median", "lower", "upper")


def mismatches(recorded: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """Every way in which `fresh` does not reproduce `recorded` (contents of result.json), in words.

    The same model name and data digest, the same patients and parameters; and for the median and both ends
    of the 90% interval |difference| <= 4 sqrt(mcse_recorded² + mcse_fresh²), the Monte Carlo standard errors
    that both results state. Runs with the same seed on the same machine agree exactly.
    """
    return [
        *_inputs(recorded, fresh),
        *_patients("", recorded.get("patients", {}), fresh.get("patients", {})),
    ]


def _inputs(recorded: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    for label, path in (("model", ("model", "name")), ("data sha256", ("data", "sha256"))):
        old, new = (_at(content, path) for content in (recorded, fresh))
        if old != new:
            yield f"{label}: recorded {old}, now {new}"
    names = [{item["name"]: item for item in content.get("sensitivity", [])} for content in (recorded, fresh)]
    if set(names[0]) != set(names[1]):
        yield f"sensitivity runs: recorded {sorted(names[0])}, now {sorted(names[1])}"
    for name in sorted(names[0].keys() & names[1].keys()):
        yield from _patients(f"{name}: ", names[0][name]["patients"], names[1][name]["patients"])


def _patients(where: str, recorded: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    for subject in sorted(recorded.keys() | fresh.keys()):
        if subject not in recorded or subject not in fresh:
            place = "the record" if subject in recorded else "this run"
            yield f"{where}patient {subject}: only in {place}"
    for subject in (name for name in recorded if name in fresh):
        old, new = recorded[subject]["parameters"], fresh[subject]["parameters"]
        if set(old) != set(new):
            yield f"{where}patient {subject}: parameters differ: {sorted(set(old) ^ set(new))}"
        for name in (item for item in old if item in new):
            yield from _quantities(f"{where}patient {subject}, {name}", old[name], new[name])


def _quantities(where: str, old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[str]:
    for quantity in QUANTITIES:
        was, now = (math.nan if record[quantity] is None else record[quantity] for record in (old, new))
        difference = abs(now - was)
        # An unknown error (no effective draws) excuses nothing.
        error = math.hypot(*(record[f"mcse_{quantity}"] or 0.0 for record in (old, new)))
        if not difference <= TOLERATED_ERRORS * error:
            apart = difference / error if error else math.inf
            yield (
                f"{where}: {quantity} recorded {was:.6g}, now {now:.6g}, apart by "
                f"{apart:.1f} Monte Carlo errors; allowed: {TOLERATED_ERRORS:g}"
            )


def _at(content: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for key in path:
        content = content.get(key, {})
    return content or None
