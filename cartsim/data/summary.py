"""What was read from a patient table: subjects, samples, % BLQ, doses, and the rows left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FEW_SAMPLES = 3


@dataclass(frozen=True)
class OutputCount:
    """How one output was observed.

    `below`, `above`, `between` count left, right and interval censored rows; `detected_below` those of the
    intervals that lie below the LLOQ. `lloq` is one number in `unit`, or the lowest and highest, or empty.
    """

    output: str
    unit: str
    subjects: int
    observations: int
    below: int
    above: int
    between: int
    detected_below: int
    lloq: tuple[float, ...]

    @property
    def percent_blq(self) -> float:
        """Share of observations below the limit of quantification, per cent (detected or not)."""
        return 100.0 * (self.below + self.detected_below) / self.observations if self.observations else 0.0


@dataclass(frozen=True)
class DroppedRows:
    """Rows left out for one reason; `rows` as the file counts them."""

    reason: str
    rows: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.rows)


@dataclass(frozen=True)
class ReadSummary:
    """The account of a reading; `text()` prints it."""

    file: str
    sha256: str
    rows_read: int
    subjects: int
    observations: int
    outputs: tuple[OutputCount, ...]
    doses: int
    dosed_subjects: int
    dropped: tuple[DroppedRows, ...]
    notes: tuple[str, ...]
    few_samples: tuple[str, ...]

    @property
    def dropped_rows(self) -> int:
        """How many rows were left out in all."""
        return sum(drop.count for drop in self.dropped)

    def to_dataframe(self) -> pd.DataFrame:
        """One row an output: unit, subjects, observations, censored counts, % BLQ and the LLOQ as text."""
        import pandas as pd

        columns = ("output", "unit", "subjects", "observations", "below", "above", "between")
        table = pd.DataFrame(
            [[getattr(count, name) for name in columns] for count in self.outputs], columns=list(columns)
        )
        table["percent_blq"] = [count.percent_blq for count in self.outputs]
        table["lloq"] = [_range(count.lloq) for count in self.outputs]
        return table

    def text(self) -> str:
        """The account in plain words, one fact a line."""
        lines = [
            f"{self.file}: {self.rows_read} rows, sha256 {self.sha256[:12]}",
            f"subjects: {self.subjects}",
            f"observations: {self.observations}",
        ]
        for count in self.outputs:
            limit = f", LLOQ {_range(count.lloq)}" if count.lloq else ", no LLOQ known"
            line = (
                f"  {count.output} ({count.unit}): {count.observations} in {count.subjects} subjects, "
                f"{count.percent_blq:.1f}% BLQ{limit}"
            )
            line += f", {count.above} above the upper limit" if count.above else ""
            line += f", {count.between} between two limits" if count.between else ""
            lines.append(line)
        lines.append(f"doses: {self.doses} in {self.dosed_subjects} subjects")
        lines.append(f"dropped rows: {self.dropped_rows}")
        lines += [f"  {drop.count}: {drop.reason} (rows {_rows(drop.rows)})" for drop in self.dropped]
        lines += [f"note: {note}" for note in self.notes]
        if self.few_samples:
            lines.append(few_samples_text(self.few_samples))
        return "\n".join(lines)


def few_samples_text(subjects: Sequence[str]) -> str:
    """The warning about subjects whose few samples cannot carry an individual fit."""
    return (
        f"warning: fewer than {FEW_SAMPLES} samples of any output in {len(subjects)} of the subjects "
        f"({', '.join(subjects)}): an individual fit rests on the prior there"
    )


def summarise(
    observations: pd.DataFrame,
    doses: pd.DataFrame,
    subjects: Sequence[str],
    *,
    file: str,
    sha256: str,
    rows_read: int,
    dropped: Sequence[DroppedRows] = (),
    notes: Sequence[str] = (),
) -> ReadSummary:
    """Count a table's observations (columns as in `Dataset`) and doses."""
    counts = tuple(_count(output, table) for output, table in observations.groupby("output", sort=False))
    samples = observations.groupby(["subject", "output"], sort=False).size()
    most = samples.groupby(level=0, sort=False).max() if len(samples) else {}
    return ReadSummary(
        file=file,
        sha256=sha256,
        rows_read=rows_read,
        subjects=len(subjects),
        observations=len(observations),
        outputs=counts,
        doses=len(doses),
        dosed_subjects=int(doses["subject"].nunique()),
        dropped=tuple(dropped),
        notes=tuple(notes),
        few_samples=tuple(subject for subject in subjects if most.get(subject, 0) < FEW_SAMPLES),
    )


def _count(output: str, table: pd.DataFrame) -> OutputCount:
    """Count one output's rows by censoring."""
    censoring = table["censoring"].to_numpy()
    by_row = table["lloq"].to_numpy(dtype=float)
    limits = np.unique(by_row[np.isfinite(by_row)])
    detected_below = (censoring == 3) & (table["upper"].to_numpy(dtype=float) <= by_row)
    return OutputCount(
        output=str(output),
        unit=", ".join(dict.fromkeys(table["unit"])),
        subjects=int(table["subject"].nunique()),
        observations=len(table),
        below=int((censoring == 1).sum()),
        above=int((censoring == 2).sum()),
        between=int((censoring == 3).sum()),
        detected_below=int(detected_below.sum()),
        lloq=(limits[0], limits[-1]) if limits.size > 1 else tuple(limits),
    )


def _range(limits: tuple[float, ...]) -> str:
    """One limit, or the span of several."""
    return "-".join(f"{limit:g}" for limit in limits)


def _rows(rows: tuple[int, ...], shown: int = 8) -> str:
    """The first row numbers, and how many more."""
    text = ", ".join(str(row) for row in rows[:shown])
    return text if len(rows) <= shown else f"{text} and {len(rows) - shown} more"
