"""Measurements that drive the model instead of being fitted, such as CAR+ counts under a cytokine block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import FitError, UnitError
from cartsim.spec.model import Input, Model

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.data.dataset import Dataset
    from cartsim.regimen.forcing import Forcing


def measured_inputs(
    model: Model,
    dataset: Dataset,
    inputs: Mapping[str, str] | None,
    *,
    fitted: Mapping[str, object],
) -> dict[str, tuple[Forcing, ...]]:
    """Each subject's series of the model's inputs, in the inputs' units.

    A measurement below its limit enters at the input's floor, one above its limit at the limit, one between
    two limits at their geometric mean; several at one time enter as their geometric mean. Measurements before
    the infusion count too.

    Parameters
    ----------
    inputs : input of the model -> measured output of the data
    fitted : the fit's error models by output, which must not name a measurement that drives the model

    Raises
    ------
    FitError
        Naming every fault at once: names that do not exist, units of another kind, subjects without a series.
    """
    inputs = dict(inputs or {})
    faults = [f"model {model.name} has no input {name!r}" for name in inputs if name not in model.input_names]
    faults += [f"no measured output is named for {n!r}" for n in model.input_names if n not in inputs]
    absent = [name for name in inputs.values() if name not in dataset.outputs]
    faults += [f"the data do not measure {name!r}" for name in absent]
    faults += [f"{name!r} drives the model and is fitted too" for name in inputs.values() if name in fitted]
    declared = {item.name: item for item in model.inputs if inputs.get(item.name) in dataset.outputs}
    tables: dict[str, pd.DataFrame] = {}
    for name, item in declared.items():
        try:
            tables[name] = _series_table(item, dataset, inputs[name])
        except UnitError as error:
            faults.append(f"input {name!r}: {error}")
            continue
        without = sorted(set(dataset.subjects) - set(tables[name]["subject"]))
        if without:
            faults.append(f"subjects without {inputs[name]!r}, which drives {name!r}: {', '.join(without)}")
    if faults:
        raise FitError(
            "inputs that this fit cannot use: " + "; ".join(faults),
            limit=f"inputs {', '.join(model.input_names) or 'none'}; measured {', '.join(dataset.outputs)}",
            remedy="give inputs={'input of the model': 'measured output'}, without an error model for the "
            "latter; leave out subjects that lack it",
        )
    return {
        subject: tuple(_series(declared[name], table, subject) for name, table in tables.items())
        for subject in dataset.subjects
    }


def _series_table(declared: Input, dataset: Dataset, measured: str) -> pd.DataFrame:
    """Subject, time and value in the input's unit of one measured output."""
    from cartsim.data.dataset import INTERVAL, LEFT
    from cartsim.units import factor

    table = dataset.observations[dataset.observations["output"] == measured]
    scale = table["unit"].map({unit: factor(unit, declared.unit) for unit in table["unit"].unique()})
    value = np.where(table["censoring"] == LEFT, 0.0, table["value"])
    between = (table["censoring"] == INTERVAL).to_numpy()
    value[between] = np.sqrt(table["lower"] * table["upper"]).to_numpy()[between]
    return table[["subject", "time"]].assign(value=value * scale.to_numpy(dtype=np.float64))


def _series(declared: Input, table: pd.DataFrame, subject: str) -> Forcing:
    """One subject's series; several samples at one time become their geometric mean."""
    from cartsim.regimen.forcing import Forcing

    own = table[table["subject"] == subject]
    logs = np.log(np.maximum(own["value"], declared.floor))
    means = logs.groupby(own["time"]).mean()  # sorted by time
    return Forcing(declared.name, tuple(means.index), tuple(np.exp(means)))
