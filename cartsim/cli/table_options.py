"""Options of the verbs that read a patient table: limits, units, names and what to leave out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartsim.errors import CartsimError, CartsimWarning

if TYPE_CHECKING:
    from cartsim.data.dataset import Dataset

Data = Annotated[Path, typer.Argument(help="A patient table: CSV or Excel, one row a measurement or dose.")]
Lloq = Annotated[
    list[str] | None,
    typer.Option(metavar="[OUTPUT=]NUMBER", help="LLOQ where the table has none; may be repeated."),
]
Lod = Annotated[
    list[str] | None, typer.Option(metavar="[OUTPUT=]NUMBER", help="Limit of detection; may be repeated.")
]
Uloq = Annotated[
    list[str] | None, typer.Option(metavar="[OUTPUT=]NUMBER", help="Upper limit; may be repeated.")
]
Unit = Annotated[
    list[str] | None,
    typer.Option(metavar="OUTPUT=UNIT", help="Unit where the table has none; also time= and dose=."),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(metavar="[CODE=]NAME", help="Name of an output code, or of a table's only output."),
]
Only = Annotated[list[str] | None, typer.Option(metavar="OUTPUT", help="Keep this output; may be repeated.")]
Column = Annotated[
    list[str] | None,
    typer.Option(metavar="ROLE=HEADER", help="A column under another name; may be repeated."),
]
DropBefore = Annotated[float | None, typer.Option(metavar="DAY", help="Leave earlier samples out.")]
DropMissing = Annotated[
    bool, typer.Option("--drop-missing", help="Leave rows without a value out instead of refusing them.")
]
Signed = Annotated[
    list[str] | None, typer.Option(metavar="OUTPUT", help="An output that may be negative; may be repeated.")
]
Decimal = Annotated[str | None, typer.Option(help="Decimal sign, if it is not found out: . or ,")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook; the first by default.")]


def read(
    data: Path,
    *,
    lloq: Sequence[str] | None = None,
    lod: Sequence[str] | None = None,
    uloq: Sequence[str] | None = None,
    unit: Sequence[str] | None = None,
    rename: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    column: Sequence[str] | None = None,
    drop_before: float | None = None,
    drop_missing: bool = False,
    signed: Sequence[str] | None = None,
    decimal: str | None = None,
    sheet: str | None = None,
) -> Dataset:
    """Read a table as the options say; the summary carries what a warning would have said."""
    from cartsim.data.read import read_data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CartsimWarning)
        return read_data(
            data,
            lloq=limits("--lloq", lloq),
            lod=limits("--lod", lod),
            uloq=limits("--uloq", uloq),
            units=pairs("--unit", unit),
            outputs=names(rename),
            only=only or None,
            columns=pairs("--column", column),
            drop_before=drop_before,
            drop_missing=drop_missing,
            signed=tuple(signed or ()),
            decimal=decimal,
            sheet=sheet,
        )


def pairs(option: str, words: Sequence[str] | None) -> dict[str, str]:
    """NAME=TEXT options as a mapping."""
    found = {}
    for word in words or ():
        name, sign, text = word.partition("=")
        if not (name and sign and text):
            raise CartsimError(f"{option} needs NAME=VALUE", value=word)
        found[name] = text
    return found


def limits(option: str, words: Sequence[str] | None) -> float | dict[str, float] | None:
    """A number for all outputs, or OUTPUT=NUMBER for each."""
    words = list(words or ())
    try:
        if len(words) == 1 and "=" not in words[0]:
            return float(words[0])
        return {name: float(text) for name, text in pairs(option, words).items()} or None
    except ValueError:
        raise CartsimError(
            f"{option} needs a number", value=" ".join(words), limit=f"{option} 50, or {option} NAME=50"
        ) from None


def names(words: Sequence[str] | None) -> str | dict[str, str] | None:
    """The name of the only output, or CODE=NAME for each."""
    words = list(words or ())
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    return pairs("--rename", words) or None
