"""The patient table of a fit: the folder's own file or a published set, checked against its digest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartsim.data.dataset import Dataset
from cartsim.data.read import read_data
from cartsim.data.sources import LOADERS
from cartsim.errors import CartsimError, CartsimWarning, ConfigError
from cartsim.study.rule_plan import subjects_where
from cartsim.study.settings import FILE, DataSettings


def read_dataset(
    settings: DataSettings,
    folder: Path,
    *,
    path: Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> tuple[Dataset, list[str]]:
    """The dataset, and what its reader warned of.

    Parameters
    ----------
    path : a file to read instead, such as the authors' own release of a published set
    changes : reading options that replace those of the settings (a sensitivity run)

    Raises
    ------
    CartsimError
        If the file is not the one that the settings' sha256 names (unless `path` is given).
    """
    options = {**settings.read, **(changes or {})}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CartsimWarning)
        try:
            dataset = _read(settings, folder, path, options)
        except TypeError as error:  # an option that the reader does not have
            raise ConfigError(str(folder / FILE), [("data.read", str(error))]) from None
    said = [str(item.message) for item in caught if issubclass(item.category, CartsimWarning)]
    if settings.sha256 is not None and dataset.sha256 != settings.sha256:
        if path is None:
            raise CartsimError(
                f"{dataset.source} is not the table this fit was made for",
                value=f"sha256 {dataset.sha256}",
                limit=f"sha256 {settings.sha256}",
                remedy=f"restore the file, or put the new digest into {folder / FILE}",
            )
        said.append("The table given is not byte for byte the one this fit was made for.")
    if settings.subjects is not None:
        dataset = dataset.subset(settings.subjects)
    if settings.where:
        dataset = dataset.subset(subjects_where(dataset, settings.where, "data.where"))
    if settings.dose is not None:
        dataset = _dosed(dataset, settings.dose)
    return dataset, said


def _dosed(dataset: Dataset, amount: float) -> Dataset:
    """The dataset with a dose on day 0 for every patient for whom the table names none."""
    import pandas as pd

    without = [s for s in dataset.subjects if s not in set(dataset.doses["subject"])]
    given = {"time": 0.0, "amount": amount, "unit": "cells", "duration": 0.0, "target": "", "row": 0}
    added = pd.DataFrame([{"subject": subject, **given} for subject in without])
    doses = added if dataset.doses.empty else pd.concat([dataset.doses, added], ignore_index=True)
    return replace(dataset, doses=doses if without else dataset.doses)


def _read(settings: DataSettings, folder: Path, path: Path | None, options: Mapping[str, Any]) -> Dataset:
    if settings.loader is None:
        return read_data(path or folder / str(settings.file), **options)
    if settings.loader not in LOADERS:
        raise ConfigError(
            str(folder / FILE),
            [("data.loader", f"unknown loader {settings.loader!r}; allowed: {', '.join(LOADERS)}")],
        )
    return LOADERS[settings.loader](path, **options)
