"""How many virtual patients have which surrogate grade of CRS, by product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

GRADES = ("no CRS", "grade 1", "grade 2", "grade 3 or worse")
NOT_SOLVED = "not solved"


def grade_counts(outcomes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Counts from outcome tables (columns `status`, `surrogate_grade`), by group.

    Returns
    -------
    DataFrame
        One row a group and grade, zeros included: group, grade (a word), patients. Failed solves are a
        category of their own, only where there are any.
    """
    import pandas as pd

    rows = []
    for group, table in outcomes.items():
        solved = table["status"] == 0
        for code, word in enumerate(GRADES):
            rows.append((group, word, int((solved & (table["surrogate_grade"] == code)).sum())))
        if not solved.all():
            rows.append((group, NOT_SOLVED, int((~solved).sum())))
    return pd.DataFrame(rows, columns=["group", "grade", "patients"])
