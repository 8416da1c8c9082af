"""Writing a dataset back as the long table that `read_data` reads, in one step that cannot be interrupted."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.columns import ALIASES, header_key
from cartsim.data.dataset import INTERVAL, LEFT, RIGHT, Dataset
from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = {alias for aliases in ALIASES.values() for alias in aliases}
_CENSORING = {0: "none", LEFT: "left", RIGHT: "right", INTERVAL: "interval"}


def write_table(dataset: Dataset, path: str | Path, *, comment: str | None = None) -> None:
    """Write observations, doses and covariates as one CSV long table; `read_data` returns the same data.

    Numbers are written so that they read back to the same bits. Outputs that may be negative need `signed=`
    when read back.

    Parameters
    ----------
    dataset : Dataset
    path : str or Path
        Replaced in one step: a reader sees the old file or the new one.
    comment : str, optional
        Lines put before the header, each after "# ", such as "SIMULATED data".
    """
    text = "".join(f"# {line}\n" for line in (comment or "").splitlines())
    replace_text(path, text + long_table(dataset).to_csv(index=False, lineterminator="\n"))


def long_table(dataset: Dataset) -> pd.DataFrame:
    """The dataset as one table of text and numbers: measurement and dose rows, covariates repeated."""
    import pandas as pd

    taken = [name for name in dataset.covariates.columns if header_key(name) in _TAKEN]
    if taken:
        raise CartsimError(
            "a covariate has a name that means something else in a table",
            value=", ".join(taken),
            remedy="rename the covariate before writing",
        )
    seen = dataset.observations
    code = seen["censoring"]
    measured = pd.DataFrame(
        {
            "subject": seen["subject"],
            "time_day": seen["time"],
            "evid": 0,
            "output": seen["output"],
            "value": seen["value"].map(_written),
            "unit": seen["unit"],
            "censoring": code.map(_CENSORING),
            "limit": seen["lower"]
            .map(_written)
            .where((code == INTERVAL) | ((code == LEFT) & (seen["lower"] == -math.inf)), ""),
            "lloq": seen["lloq"].map(_written),
        }
    )
    given = dataset.doses
    doses = pd.DataFrame(
        {
            "subject": given["subject"],
            "time_day": given["time"],
            "evid": 1,
            "amount": given["amount"].map(_written),
            "dose_unit": given["unit"],
            "duration": given["duration"].map(_written),
            "target": given["target"],
        }
    )
    table = pd.concat([doses, measured]) if len(doses) else measured
    rank = {subject: index for index, subject in enumerate(dataset.subjects)}
    table = table.assign(rank=table["subject"].map(rank)).sort_values(["rank", "time_day"], kind="stable")
    table = table.drop(columns="rank").assign(time_day=table["time_day"].map(_written))
    for name in dataset.covariates.columns:
        table[name] = table["subject"].map(dataset.covariates[name]).map(_written)
    first = ["subject", "time_day", "evid", "output", "value", "unit", "censoring", "limit", "lloq"]
    return table[first + [name for name in table.columns if name not in first]].fillna("")


def _written(value: object) -> str:
    """A number so that it reads back to the same bits; empty for an unknown one."""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    return "" if value is None else str(value)


def replace_text(path: str | Path, text: str) -> None:
    """Write a text file beside its place and move it there, so that no half file is ever seen."""
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: str | Path, content: bytes) -> None:
    """The same for a picture or any other content."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp makes private files; a table is as readable as any other new file.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
