"""How many of how many: a count with its exact (Clopper-Pearson) interval, for trials of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.endpoints.checks import Faults

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


@dataclass(frozen=True)
class Share:
    """`count` of `total` with an exact interval; share and limits are NaN where `total` is 0."""

    count: int
    total: int
    share: float
    lower: float
    upper: float
    level: float

    @property
    def text(self) -> str:
        """As it is printed, with the counts: `5/6 (83.3%, 95% CI 35.9-99.6%)`."""
        if self.total == 0:
            return "0/0"
        limits = f"{100 * self.lower:.1f}-{100 * self.upper:.1f}%"
        return f"{self.count}/{self.total} ({100 * self.share:.1f}%, {100 * self.level:g}% CI {limits})"


def exact_share(count: int, total: int, *, level: float = 0.95) -> Share:
    """Share of `count` in `total` with the exact interval of Clopper and Pearson (`scipy.stats.binomtest`).

    Raises EndpointError where the counts are not whole, negative or `count` exceeds `total`, and where the
    level is not between 0 and 1.
    """
    from scipy.stats import binomtest

    faults = Faults()
    for name, number in (("count", count), ("total", total)):
        whole = faults.need(float(number).is_integer(), name, f"is {number}, a whole number is needed")
        faults.need(not whole or number >= 0, name, f"is {number}, below 0")
    faults.need(not count > total, "count", f"is {count}, more than the total {total}")
    check_level(faults, level)
    faults.raise_any()
    if total == 0:
        return Share(0, 0, NAN, NAN, NAN, level)
    test = binomtest(int(count), int(total))
    interval = test.proportion_ci(level, method="exact")
    share = int(count) / int(total)
    return Share(int(count), int(total), share, float(interval.low), float(interval.high), level)


def share_table(counts: Mapping[str, tuple[int, int]], *, level: float = 0.95) -> pd.DataFrame:
    """One row an item of `counts`, {name: (count, total)}: item, count, total, share, lower, upper, text."""
    import pandas as pd

    rows = []
    for name, (count, total) in counts.items():
        found = exact_share(count, total, level=level)
        rows.append((name, found.count, found.total, found.share, found.lower, found.upper, found.text))
    return pd.DataFrame(rows, columns=["item", "count", "total", "share", "lower", "upper", "text"])


def check_level(faults: Faults, level: float) -> None:
    """Note a level of confidence that is not between 0 and 1."""
    faults.need(
        bool(np.isfinite(level)) and 0.0 < level < 1.0, "level", f"is {level}, between 0 and 1 needed"
    )
