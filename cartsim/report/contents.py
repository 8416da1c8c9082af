"""What a report is made of: the finished tables and sentences of one fit, nothing left to calculate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

    from cartsim.infer.population_checks import PopulationChecks

SIMULATED = "SIMULATED DATA: shaped by construction, validates nothing"
GATE_LIMITS = MappingProxyType({"r_hat": 1.01, "ess": 400.0})

_COLUMNS = {
    "gates": ("subject", "passed", "line"),
    "parameters": (
        *("subject", "name", "meaning", "unit", "prior", "median", "lower", "upper"),
        *("contraction", "informed", "r_hat", "ess_bulk", "ess_tail"),
    ),
    "observations": ("subject", "time", "output", "value", "censoring", "lower", "upper", "unit"),
    "bands": (
        *("subject", "output", "time", "median", "lower", "upper"),
        *("predictive_lower", "predictive_upper"),
    ),
    "nca": ("subject",),
    "nca_summary": ("metric", "description", "unit", "statistic", "text", "center", "evaluable", "subjects"),
    "recovery": ("subject", "name", "unit", "truth", "median", "lower", "upper", "inside", "contraction"),
    "gof": ("subject", "output", "time", "censoring", "observed", "predicted", "residual"),
}


class Trace(NamedTuple):
    """The path of one patient's ensembles through parameter space.

    Parameters
    ----------
    names : sequence of str, length P
    values : ndarray, shape (ensembles, stored steps, P), physical units
        Walker mean of each ensemble at each stored step.
    steps : ndarray, shape (stored steps,), optional
        Sampler step of each stored column; 0, 1, 2 … if absent.
    burn_in : int, optional
        Number of first steps that no result uses; shaded where they are stored.
    """

    names: Sequence[str]
    values: np.ndarray
    steps: np.ndarray | None = None
    burn_in: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReportContents:
    """Tables and sentences of one run, checked for the columns that the report reads.

    Parameters
    ----------
    title : str
    run : mapping
        What was run: command, model, seed, wall time, versions, hashes; values may be mappings.
    gates : DataFrame
        One row a patient: `subject`, `passed` (bool), `line` (the gate in words).
    parameters : DataFrame
        The parameter table of `cartsim.infer`; optional columns `prior_lower` and `prior_upper`
        (the prior's 90% interval) are drawn as a band in the forest.
    show_observations : bool
        False for real patients' data: nothing that shows one patient's samples is drawn or printed.
    labels : sequence of str
        Banners, such as `SIMULATED`.
    description : str
        One or two paragraphs (blank line between) on model, data and aim.
    data_text : str
        What the reader counted and dropped, in words.
    data_summary : DataFrame, optional
        One row an output (or patient), with % BLQ.
    nca, nca_summary : DataFrame, optional
        `Outcomes.table` (one row a patient) and `Outcomes.summary` of `cartsim.endpoints`.
    observations, bands, gof : DataFrame, optional
        `Dataset.observations`, `band_table` and `gof_table`. `gof` may carry `theoretical_quantile`
        (normal score of the residual within its output), which the QQ plot needs.
    limits : mapping
        LLOQ by output, in the output's unit.
    traces : mapping subject -> Trace (or its fields as a tuple)
    draws : mapping subject -> DataFrame
        Thinned posterior draws, one column a parameter, physical units.
    priors : DataFrame, optional
        Equally likely prior values, one column a parameter (such as its quantiles at (i + 1/2) / n).
    warnings : sequence of str
        Plain words on what the reader should distrust.
    gate_limits : mapping
        `r_hat` (largest allowed) and `ess` (smallest allowed), drawn as lines.

    population : PopulationChecks, of a fit of all patients together
    units : unit by output, for the figures of the population
    recovery : DataFrame, optional
        Posteriors of simulated patients beside the true values; `recovery_text` says it in a sentence.
    diagnosis : mapping name -> DataFrame
        The tables of `cartsim diagnose`, by the name of their CSV file; those of single samples absent where
        samples must not be shown.

    Raises
    ------
    CartsimError
        If a table lacks a column that the report reads.
    """

    title: str
    run: Mapping[str, object]
    gates: DataFrame
    parameters: DataFrame
    show_observations: bool
    labels: Sequence[str] = ()
    description: str = ""
    data_text: str = ""
    data_summary: DataFrame | None = None
    nca: DataFrame | None = None
    nca_summary: DataFrame | None = None
    observations: DataFrame | None = None
    bands: DataFrame | None = None
    gof: DataFrame | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    traces: Mapping[str, Trace] = field(default_factory=dict)
    draws: Mapping[str, DataFrame] = field(default_factory=dict)
    priors: DataFrame | None = None
    warnings: Sequence[str] = ()
    gate_limits: Mapping[str, float] = field(default_factory=lambda: GATE_LIMITS)
    diagnosis: Mapping[str, DataFrame] = field(default_factory=dict)
    population: PopulationChecks | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    recovery: DataFrame | None = None
    recovery_text: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.labels, str) or isinstance(self.warnings, str):
            raise CartsimError(
                "labels and warnings of a report are lists of sentences", remedy="put the text in a list"
            )
        for table, columns in _COLUMNS.items():
            frame = getattr(self, table)
            if frame is None:
                continue
            missing = [column for column in columns if column not in frame.columns]
            if missing:
                raise CartsimError(
                    f"the report's table '{table}' lacks columns",
                    value=", ".join(missing),
                    limit=", ".join(columns),
                )

    @property
    def banners(self) -> tuple[str, ...]:
        """The labels as printed; the short `SIMULATED` in full."""
        return tuple(SIMULATED if label.strip().upper() == "SIMULATED" else label for label in self.labels)

    @property
    def stamps(self) -> tuple[str, ...]:
        """The labels as they fit into the corner of a figure."""
        return tuple("SIMULATED DATA" if label == SIMULATED else label for label in self.banners)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Patients in the order of the gates table, as text."""
        return tuple(str(subject) for subject in self.gates["subject"])
