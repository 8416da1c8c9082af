"""`cartsim nca`: Cmax, Tmax, AUC, half-life and the rest for every patient of a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartsim.cli.table_options import (
    Column,
    Data,
    Decimal,
    DropBefore,
    DropMissing,
    Lloq,
    Lod,
    Only,
    Rename,
    Sheet,
    Uloq,
    Unit,
    read,
)

if TYPE_CHECKING:
    from rich.table import Table

    from cartsim.endpoints.outcomes import Outcomes


def nca(
    data: Data,
    output: Annotated[str, typer.Option(help="The output to analyse.")] = "car_transgene",
    csv: Annotated[Path | None, typer.Option(help="Write all measures by subject.")] = None,
    summary_csv: Annotated[Path | None, typer.Option(help="Write the summary.")] = None,
    lloq: Lloq = None,
    lod: Lod = None,
    uloq: Uloq = None,
    unit: Unit = None,
    rename: Rename = None,
    only: Only = None,
    column: Column = None,
    drop_before: DropBefore = None,
    drop_missing: DropMissing = False,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Analyse cellular kinetics without a model: one row a patient and a summary; day 0 is the infusion."""
    from rich.console import Console

    from cartsim.endpoints.nca import nca as analyse

    dataset = read(
        data,
        lloq=lloq,
        lod=lod,
        uloq=uloq,
        unit=unit,
        rename=rename,
        only=only,
        column=column,
        drop_before=drop_before,
        drop_missing=drop_missing,
        decimal=decimal,
        sheet=sheet,
    )
    typer.echo(dataset.summary.text())
    outcomes = analyse(dataset, output=output)
    console = Console()
    console.print(_by_subject(outcomes))
    console.print("* sampling stops before the window ends: kept out of the summary")
    console.print(_summary(outcomes))
    for path, write in ((csv, outcomes.to_csv), (summary_csv, outcomes.summary_to_csv)):
        if path is not None:
            write(path)
            typer.echo(f"written: {path}")


def _by_subject(outcomes: Outcomes) -> Table:
    """The main measures, one row a subject."""
    from rich.table import Table

    shown = [name for name in outcomes.summary["metric"] if name not in {"follow_up", "clast", "auc_last"}]
    table = Table(title="by subject", title_justify="left", show_edge=False)
    for name in ("subject", *shown):
        table.add_column(name.replace("detectable_month_", "month "), overflow="fold")
    for _, row in outcomes.table.iterrows():
        table.add_row(str(row["subject"]), *(_cell(row, name) for name in shown))
    return table


def _cell(row: object, name: str) -> str:
    """A number in four digits, yes or no, a mark where a window was cut short."""
    value = row[name]
    if value != value or str(value) == "<NA>":
        return "-"
    if name.startswith("detectable"):
        return "yes" if value else "no"
    mark = "*" if row.get(f"{name}_truncated", False) else ""
    return f"{value:.4g}{mark}"


def _summary(outcomes: Outcomes) -> Table:
    """The summary with the number evaluable and what each measure means."""
    from rich.table import Table

    table = Table(title="summary", title_justify="left", show_edge=False)
    for name in ("measure", "unit", "statistic", "value", "evaluable", "meaning"):
        table.add_column(name, overflow="fold")
    for row in outcomes.summary.itertuples():
        count = f"{row.evaluable}/{row.subjects}"
        table.add_row(row.metric, row.unit, row.statistic, row.text, count, row.description)
    return table
