"""Rates of a streamed cohort, counted file by file, each with its exact interval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.cohort.stream import outcome_parts
from cartsim.endpoints.imwg_rules import Response
from cartsim.endpoints.shares import exact_share

if TYPE_CHECKING:
    import pandas as pd

YEAR = 365.0
COLUMNS = [
    *("status", "crs", "surrogate_grade", "therapy_day", "best_response", "mrd_negative", "pcr_month_6"),
    *("pfs_day", "pfs_event", "os_day", "os_event"),
]


def cohort_rates(folder: Path) -> pd.DataFrame:
    """One row an endpoint: `endpoint`, `count`, `patients`, `share`, `lower`, `upper` (95%, exact).

    Patients whose solve failed are counted in a row of their own and in no other. Those alive or free of
    progression at a year are counted as they are: the follow-up is longer.
    """
    import pandas as pd

    counts: dict[str, int] = {}
    patients = solved = 0
    for table in outcome_parts(folder, COLUMNS):
        patients += len(table)
        good = table[table["status"] == 0]
        solved += len(good)
        best, grade = good["best_response"], good["surrogate_grade"]
        for name, hit in (
            ("CRS of any grade", good["crs"].astype(bool)),
            ("surrogate grade >= 2", grade >= 2),
            ("surrogate grade >= 3", grade >= 3),
            ("tocilizumab or steroid", good["therapy_day"].notna()),
            ("response", best >= Response.PR),
            ("complete response", best >= Response.CR),
            ("stringent complete response", best >= Response.SCR),
            ("MRD negative", good["mrd_negative"].astype(bool)),
            ("detectable at month 6 (PCR)", good["pcr_month_6"].astype(bool)),
            ("free of progression at a year", ~(good["pfs_event"] & (good["pfs_day"] <= YEAR))),
            ("alive at a year", ~(good["os_event"] & (good["os_day"] <= YEAR))),
        ):
            counts[name] = counts.get(name, 0) + int(hit.sum())
    rows = [("solve failed", patients - solved, patients)]
    rows += [(name, count, solved) for name, count in counts.items()]
    shares = [(name, exact_share(count, of)) for name, count, of in rows]
    return pd.DataFrame(
        [(name, s.count, s.total, s.share, s.lower, s.upper) for name, s in shares],
        columns=["endpoint", "count", "patients", "share", "lower", "upper"],
    )
