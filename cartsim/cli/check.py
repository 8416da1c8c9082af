"""`cartsim check`: read a patient table, say what is in it and what is wrong with it."""

from __future__ import annotations

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
    Signed,
    Uloq,
    Unit,
    read,
)


def check(
    data: Data,
    lloq: Lloq = None,
    lod: Lod = None,
    uloq: Uloq = None,
    unit: Unit = None,
    rename: Rename = None,
    only: Only = None,
    column: Column = None,
    drop_before: DropBefore = None,
    drop_missing: DropMissing = False,
    signed: Signed = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Check a patient table: subjects, samples, % BLQ, doses, rows left out and why, or every fault."""
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
        signed=signed,
        decimal=decimal,
        sheet=sheet,
    )
    typer.echo(dataset.summary.text())
    if len(dataset.covariates.columns):
        typer.echo(f"covariates: {', '.join(dataset.covariates.columns)}")
