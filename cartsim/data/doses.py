"""Doses of a patient table: bolus or infusion, and repeated administrations written out one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cartsim.data.dataset import DOSE_COLUMNS
from cartsim.data.options import UnitTable
from cartsim.data.rows import Row, RowReader

if TYPE_CHECKING:
    import pandas as pd


def dose_table(rows: Sequence[Row], reader: RowReader, units: UnitTable) -> pd.DataFrame:
    """One row an administration, ADDL and II expanded, sorted by subject and time.

    Amounts of cells are in cells; other amounts keep their unit. Duration comes from a duration column,
    or from the amount and RATE (amount per unit of the time column); 0 is a bolus.
    """
    import pandas as pd

    records = []
    for row in rows:
        # One unit a target: cells of the product and milligrams of a drug stand in one table.
        label = f"dose {row.text('target')}".strip()
        scale = units.scale(
            label,
            row.text("dose_unit"),
            row=row.number,
            column=reader.column("dose_unit" if "dose_unit" in reader.roles else "amount"),
            subject=row.subject,
            argument="dose",
        )
        amount = reader.number(row, "amount")
        duration = _duration(row, reader, amount)
        repeats = _repeats(row, reader)
        if None in (scale, amount, duration, repeats):
            continue
        count, interval = repeats
        records += [
            (
                row.subject,
                row.time + index * interval,
                amount * scale,
                units.of(label),
                duration,
                row.text("target"),
                row.number,
            )
            for index in range(count)
        ]
    table = pd.DataFrame(records, columns=list(DOSE_COLUMNS))
    types = {"time": "float64", "amount": "float64", "duration": "float64", "row": "int64"}
    types |= dict.fromkeys(("subject", "unit", "target"), "str")
    return table.astype(types)


def _duration(row: Row, reader: RowReader, amount: float | None) -> float | None:
    """Days over which the dose runs in."""
    duration = reader.number(row, "duration", default=0.0)
    rate = reader.number(row, "rate", default=0.0)
    if duration is None or rate is None or amount is None:
        return None
    for role, value in (("duration", duration), ("rate", rate)):
        if value < 0.0:
            reader.fault(row.number, row.subject, role)(
                f"a negative {role}",
                value=row.text(role),
                limit=">= 0",
                remedy="give a number: rates that a model estimates (RATE -1, -2) are not supported",
            )
            return None
    if rate == 0.0:
        return duration * row.time_scale
    if duration > 0.0 and abs(amount / rate - duration) > 1e-6 * duration:
        reader.fault(row.number, row.subject, "rate")(
            "rate and duration contradict each other",
            value=f"{amount:g} at {rate:g} runs {amount / rate:g}, not {duration:g}",
            remedy="give one of the two",
        )
        return None
    return amount / rate * row.time_scale


def _repeats(row: Row, reader: RowReader) -> tuple[int, float] | None:
    """How many administrations the row stands for, and the days between them."""
    additional = reader.number(row, "additional", default=0.0)
    interval = reader.number(row, "interval", default=0.0)
    steady = reader.number(row, "steady_state", default=0.0)
    if additional is None or interval is None or steady is None:
        return None
    if steady != 0.0:
        reader.fault(row.number, row.subject, "steady_state")(
            "steady-state doses are not supported",
            value=row.text("steady_state"),
            limit="0",
            remedy="write the doses out",
        )
        return None
    if additional < 0.0 or additional != int(additional):
        reader.fault(row.number, row.subject, "additional")(
            "ADDL is not a count",
            value=row.text("additional"),
            limit="0, 1, 2, ...",
            remedy="the number of further doses",
        )
        return None
    if additional > 0.0 and interval <= 0.0:
        reader.fault(row.number, row.subject, "interval")(
            "further doses (ADDL) without an interval (II)",
            value=row.text("interval") or "empty",
            limit="> 0",
            remedy="give the time between doses",
        )
        return None
    return 1 + int(additional), interval * row.time_scale
