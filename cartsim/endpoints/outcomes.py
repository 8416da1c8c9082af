"""Outcomes of a study: one row a patient, and their summary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.write import replace_text
from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcomes:
    """One row of outcomes a patient, and a summary with the number evaluable beside each.

    Parameters
    ----------
    table : DataFrame
        One row a subject; column `subject` first.
    summary : DataFrame
        One row an outcome: metric, description, unit, statistic, text, evaluable, subjects and the numbers
        behind the text (center, lower, upper).
    settings : object
        The frozen settings that produced it.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    settings: object

    def __post_init__(self) -> None:
        if "subject" not in self.table.columns or self.table["subject"].duplicated().any():
            raise CartsimError("outcomes need one row a subject, named in a column `subject`")

    def to_csv(self, path: str | Path) -> None:
        """Write the table by subject as CSV, replaced in one step."""
        replace_text(path, self.table.to_csv(index=False, lineterminator="\n"))

    def summary_to_csv(self, path: str | Path) -> None:
        """Write the summary as CSV, replaced in one step."""
        replace_text(path, self.summary.to_csv(index=False, lineterminator="\n"))
