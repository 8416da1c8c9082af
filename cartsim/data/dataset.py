"""The patient table once read: observations, doses and covariates in canonical units, and their arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.summary import ReadSummary, summarise
from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd

QUANTIFIED, LEFT, RIGHT, INTERVAL = 0, 1, 2, 3
"""Censoring codes: measured, below a limit, above a limit, between two limits."""

OBSERVATION_COLUMNS = (
    "subject",
    "time",
    "output",
    "value",
    "censoring",
    "lower",
    "upper",
    "unit",
    "lloq",
    "row",
)
DOSE_COLUMNS = ("subject", "time", "amount", "unit", "duration", "target", "row")


@dataclass(frozen=True)
class Dataset:
    """Checked data of a study, in days and canonical units.

    Parameters
    ----------
    name : str
        Name of the study, by default the file's name without its ending.
    source : str
        The file read, or a label such as "simulated".
    sha256 : str
        Digest of the file's bytes.
    subjects : tuple of str
        In the order of their first appearance.
    observations : DataFrame
        One row a measurement, sorted by subject and time: subject, time (day), output, value, censoring
        (0 quantified, 1 left, 2 right, 3 interval), lower, upper, unit, lloq (NaN where unknown), row (the
        file's row, the header being row 1). Left: value = upper = the limit, lower = 0, or -inf where the
        output may be negative. Right: value = lower = the limit, upper = inf. Interval: value = upper.
    doses : DataFrame
        One row an administration: subject, time (day), amount, unit, duration (day; 0 is a bolus), target
        ("" where the table names none), row.
    covariates : DataFrame
        One row a subject (the index), one column a covariate.
    limits : mapping
        LLOQ by output where one is known; the largest where it differs between rows.
    summary : ReadSummary
        What was read, dropped and assumed.
    """

    name: str
    source: str
    sha256: str
    subjects: tuple[str, ...]
    observations: pd.DataFrame
    doses: pd.DataFrame
    covariates: pd.DataFrame
    limits: Mapping[str, float]
    summary: ReadSummary

    def __post_init__(self) -> None:
        missing = [name for name in OBSERVATION_COLUMNS if name not in self.observations.columns]
        missing += [name for name in DOSE_COLUMNS if name not in self.doses.columns]
        if missing:
            raise CartsimError("a dataset lacks columns", value=missing, limit=OBSERVATION_COLUMNS)
        strangers = (set(self.observations["subject"]) | set(self.doses["subject"])) - set(self.subjects)
        if strangers:
            raise CartsimError(
                "rows belong to subjects the dataset does not list",
                value=sorted(strangers),
                limit=self.subjects,
            )
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))

    def __reduce__(self) -> tuple:
        # A mapping proxy cannot be pickled, and datasets travel to worker processes.
        fields = (self.name, self.source, self.sha256, self.subjects, self.observations, self.doses)
        return Dataset, (*fields, self.covariates, dict(self.limits), self.summary)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the measured outputs, in the order of their first appearance."""
        return tuple(dict.fromkeys(self.observations["output"]))

    def subset(self, subjects: Sequence[str]) -> Dataset:
        """The same study with only these subjects, in the order of the file."""
        wanted = {str(subject) for subject in subjects}
        unknown = sorted(wanted - set(self.subjects))
        if unknown:
            raise CartsimError(
                "the dataset has no such subject", value=", ".join(unknown), limit=", ".join(self.subjects)
            )
        kept = tuple(subject for subject in self.subjects if subject in wanted)
        return self._narrowed(kept, self.observations[self.observations["subject"].isin(kept)])

    def select(self, outputs: str | Sequence[str]) -> Dataset:
        """The same study with only these outputs; subjects without any of them stay listed."""
        wanted = [outputs] if isinstance(outputs, str) else list(outputs)
        unknown = [output for output in wanted if output not in self.outputs]
        if unknown:
            raise CartsimError(
                "the dataset has no such output", value=", ".join(unknown), limit=", ".join(self.outputs)
            )
        return self._narrowed(self.subjects, self.observations[self.observations["output"].isin(wanted)])

    def _narrowed(self, subjects: tuple[str, ...], observations: pd.DataFrame) -> Dataset:
        """A copy that holds these subjects and observations, its summary counted anew."""
        doses = self.doses[self.doses["subject"].isin(subjects)].reset_index(drop=True)
        observations = observations.reset_index(drop=True)
        present = set(observations["output"])
        summary = summarise(
            observations,
            doses,
            subjects,
            file=self.summary.file,
            sha256=self.sha256,
            rows_read=self.summary.rows_read,
            dropped=self.summary.dropped,
            notes=self.summary.notes,
        )
        return replace(
            self,
            subjects=subjects,
            observations=observations,
            doses=doses,
            covariates=self.covariates.loc[list(subjects)],
            limits={output: limit for output, limit in self.limits.items() if output in present},
            summary=summary,
        )


@dataclass(frozen=True)
class ObservationArrays:
    """Observations as plain arrays for the kernels, sorted by subject and time.

    Subject `s` owns rows `subject_offsets[s]` to `subject_offsets[s + 1]`. `output` indexes `outputs`;
    `censoring`, `lower`, `upper` are as in `Dataset`; `row` is the row of the file.
    """

    subjects: tuple[str, ...]
    outputs: tuple[str, ...]
    subject_offsets: np.ndarray
    time: np.ndarray
    output: np.ndarray
    value: np.ndarray
    censoring: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    row: np.ndarray

    def __post_init__(self) -> None:
        count = self.time.size
        for name in ("output", "value", "censoring", "lower", "upper", "row"):
            if getattr(self, name).shape != (count,):
                raise CartsimError(
                    f"array {name} does not match the times",
                    value=getattr(self, name).shape,
                    limit=(count,),
                )
        if self.subject_offsets.shape != (len(self.subjects) + 1,) or self.subject_offsets[-1] != count:
            raise CartsimError("subject offsets do not cover the rows", value=self.subject_offsets)

    def of(self, subject: str) -> ObservationArrays:
        """The arrays of one subject."""
        if subject not in self.subjects:
            raise CartsimError("no such subject", value=subject, limit=", ".join(self.subjects))
        index = self.subjects.index(subject)
        rows = slice(self.subject_offsets[index], self.subject_offsets[index + 1])
        columns = {
            name: getattr(self, name)[rows].copy()
            for name in ("time", "output", "value", "censoring", "lower", "upper", "row")
        }
        offsets = np.array([0, columns["time"].size], dtype=np.int64)
        return ObservationArrays((subject,), self.outputs, offsets, **columns)

    @property
    def digest(self) -> str:
        """Hex digest of everything a likelihood sees (file rows are left out)."""
        content = hashlib.sha256("\0".join((*self.subjects, "|", *self.outputs)).encode())
        for name in ("subject_offsets", "time", "output", "value", "censoring", "lower", "upper"):
            content.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return content.hexdigest()


def observation_arrays(dataset: Dataset, outputs: Sequence[str]) -> ObservationArrays:
    """The dataset's observations of `outputs` as arrays; other outputs are left out.

    Parameters
    ----------
    dataset : Dataset
    outputs : sequence of str
        Names in the order of the output index, usually a model's `output_names`. Names the data lack are
        fine as long as one is there.

    Raises
    ------
    CartsimError
        Where none of the names is measured.
    """
    outputs = tuple(outputs)
    if not set(outputs) & set(dataset.outputs):
        raise CartsimError(
            "the data measure none of the outputs asked for",
            value=", ".join(outputs),
            limit=", ".join(dataset.outputs),
            remedy="rename the table's outputs with read_data(..., outputs={'name in the table': 'name'})",
        )
    table = dataset.observations
    table = table[table["output"].isin(outputs)]
    # An explicit order, so that arrays do not depend on how a caller has shuffled the table.
    rank = {subject: index for index, subject in enumerate(dataset.subjects)}
    subject = table["subject"].map(rank).to_numpy(dtype=np.int64)
    order = np.lexsort((table["time"].to_numpy(dtype=np.float64), subject))
    table, subject = table.iloc[order], subject[order]
    offsets = np.searchsorted(subject, np.arange(len(dataset.subjects) + 1)).astype(np.int64)
    position = {output: index for index, output in enumerate(outputs)}
    return ObservationArrays(
        subjects=dataset.subjects,
        outputs=outputs,
        subject_offsets=offsets,
        time=table["time"].to_numpy(dtype=np.float64, copy=True),
        output=table["output"].map(position).to_numpy(dtype=np.int64),
        value=table["value"].to_numpy(dtype=np.float64, copy=True),
        censoring=table["censoring"].to_numpy(dtype=np.int64, copy=True),
        lower=table["lower"].to_numpy(dtype=np.float64, copy=True),
        upper=table["upper"].to_numpy(dtype=np.float64, copy=True),
        row=table["row"].to_numpy(dtype=np.int64, copy=True),
    )
