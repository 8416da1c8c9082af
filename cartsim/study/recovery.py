"""How well a fit of simulated patients finds the true values they were made from: one row a parameter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd

TRUTH = "truth.csv"
COLUMNS = ("subject", "name", "unit", "truth", "median", "lower", "upper", "inside", "contraction")


def read_truth(folder: Path) -> pd.DataFrame | None:
    """The true values of a fit folder, one row a patient under `subject`; None where it has none.

    CartsimError where truth.csv names no subjects.
    """
    import pandas as pd

    path = folder / TRUTH
    if not path.is_file():
        return None
    truth = pd.read_csv(path, comment="#", dtype={"subject": "str"})
    if "subject" not in truth.columns or truth["subject"].duplicated().any():
        raise CartsimError(f"{TRUTH} needs a column subject, one row a patient", value=str(path))
    return truth.set_index("subject")


def recovery_table(parameters: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Posteriors beside the truth, for every patient and parameter that has one.

    Parameters
    ----------
    parameters : the parameter table of a fit; interval ends are the 5 and 95 % quantiles
    truth : columns are parameters, in the unit of the model; the index is the subject

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; `inside`: the 90 % interval holds the truth; `contraction` 1 - variance of the
        posterior over that of the prior on the unconstrained scale, 0 where the data say nothing.
    """
    known = truth.rename_axis(index="subject", columns="name").stack().rename("truth").reset_index()
    table = parameters.assign(subject=parameters["subject"].astype(str)).merge(known, on=["subject", "name"])
    table["inside"] = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    return table[list(COLUMNS)]


def recovery_words(recovery: pd.DataFrame) -> str:
    """How many intervals hold the truth, and how many are expected to."""
    inside, count = int(recovery["inside"].sum()), len(recovery)
    return f"{inside} of {count} 90% intervals hold the true value, where {0.9 * count:.0f} are expected"
