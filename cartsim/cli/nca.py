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
    import pandas as pd
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
    for table in _by_subject(outcomes):
        console.print(table)
    console.print("* sampling stops before the window ends: kept out of the summary")
    console.print(_summary(outcomes))
    for path, write in ((csv, outcomes.to_csv), (summary_csv, outcomes.summary_to_csv)):
        if path is not None:
            write(path)
            typer.echo(f"written: {path}")


def _by_subject(outcomes: Outcomes, *, columns: int = 6) -> list[Table]:
    """The main measures, one row a subject, in tables narrow enough for a terminal."""
    shown = [name for name in outcomes.summary["metric"] if name not in {"follow_up", "clast", "auc_last"}]
    tables = []
    for start in range(0, len(shown), columns):
        names = shown[start : start + columns]
        table = _table("" if start else "by subject", "subject", *(_words(name) for name in names))
        for _, row in outcomes.table.iterrows():
            _fill(table, str(row["subject"]), *(_cell(row, name) for name in names))
        tables.append(table)
    return tables


def _summary(outcomes: Outcomes) -> Table:
    """The summary with the number evaluable and what each measure means."""
    table = _table("summary", "measure", "unit", "value", "evaluable", "statistic; meaning")
    for row in outcomes.summary.itertuples():
        count = f"{row.evaluable}/{row.subjects}"
        _fill(table, _words(row.metric), row.unit, row.text, count, f"{row.statistic}; {row.description}")
    return table


def _table(title: str, *columns: str) -> Table:
    """An empty table that stays readable in 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _fill(table: Table, *cells: str) -> None:
    """Add a row as it stands: brackets are ranges, not markup."""
    from rich.markup import escape

    table.add_row(*(escape(cell) for cell in cells))


def _words(name: str) -> str:
    """A column name as a heading that breaks between words."""
    return name.replace("detectable_month", "month").replace("auc_0_", "AUC 0-").replace("_", " ")


def _cell(row: pd.Series, name: str) -> str:
    """A rounded number, yes or no, a mark where a window was cut short, a dash where not evaluable."""
    value = row[name]
    if str(value) in {"nan", "<NA>"}:
        return "-"
    if name.startswith("detectable"):
        return "yes" if value else "no"
    mark = "*" if row.get(f"{name}_truncated", False) else ""
    return f"{value:,.0f}{mark}" if value >= 1000.0 else f"{value:.3g}{mark}"
