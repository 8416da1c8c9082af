"""`cartsim clones`: diversity of a table of clones, or of a simulated product that is sampled at visits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartsim.cli.table_options import pairs
from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd

VISITS = "7,14,28,60,90,180,365"


def clones(
    table: Annotated[
        Path | None,
        typer.Argument(help="A table with one row a clone in a sample (AIRR names are understood)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/clones_NAME.")] = None,
    simulate: Annotated[
        str | None,
        typer.Option(
            metavar="PATIENT",
            help="Instead of a table: slow, fast or local (myeloma flagship), or kirouac2023 or one of its "
            "sets such as CR_1.",
        ),
    ] = None,
    number: Annotated[int, typer.Option("--clones", min=2, help="Clones of the simulated product.")] = 10_000,
    spread: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FACTOR=]SD",
            help="Spread of fitness between clones, sd of the logarithm: of division, or of activation, "
            "exhaustion, memory_return; 0 is neutral; may be repeated; default division=0.2.",
        ),
    ] = None,
    product_spread: Annotated[
        float, typer.Option(min=0.0, help="Spread of the clones' sizes in the product, sd of the logarithm.")
    ] = 1.0,
    visits: Annotated[str, typer.Option(help="Days of the simulated samples.")] = VISITS,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Cells (templates) of a sample: sequenced in a simulation (default 5,000); samples of a "
            "table are rarefied to it, so that unlike depths compare.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=HEADER", help="A column under another name: clone, count, subject, time ..."
        ),
    ] = None,
    time_unit: Annotated[str | None, typer.Option(help="Unit of the table's times; day by default.")] = None,
    resamples: Annotated[int, typer.Option(min=20, help="Bootstrap samples behind an interval.")] = 500,
    seed: Annotated[int, typer.Option(help="Another seed draws other clones and samples.")] = 1,
) -> None:
    """Richness, Shannon, clonality, overlap and more of clones by sample, with intervals, CSV and figures.

    A simulation follows clones by a model of our own (no publication has one for CAR-T cells): what it shows
    is what selection or chance would look like, not what a patient's clones will do.
    """
    from cartsim.data.clone_table import read_clone_table
    from cartsim.study.clone_folder import write_clone_folder
    from cartsim.study.clone_simulation import DEPTH, simulated_clones

    if (table is None) == (simulate is None):
        raise CartsimError("give either a table or --simulate PATIENT", value=f"{table}, {simulate}")
    folder = out or Path("runs") / f"clones_{table.stem if table else simulate}"
    found = None
    if table is not None:
        read, about = read_clone_table(table, columns=pairs("--column", column), time_unit=time_unit), ""
        for note in read.notes:
            typer.echo(note)
    else:
        spreads = _spreads(spread)
        read, found = simulated_clones(
            simulate,
            clones=number,
            spreads=spreads,
            product_spread=product_spread,
            visits=_days(visits),
            depth=depth or DEPTH,
            seed=seed,
        )
        about = (
            f"{simulate}, {number:,} clones, spread of fitness "
            + ", ".join(f"{name} {value:g}" for name, value in spreads.items())
            + f", seed {seed}; our own model"
        )
    written = write_clone_folder(
        read,
        folder,
        seed=seed,
        depth=depth if table is not None else None,
        resamples=resamples,
        simulated=found,
        about=about,
    )
    for line in _lines(written["diversity"]):
        typer.echo(line)
    more = "clones.tsv, " if found is not None else ""
    typer.echo(f"wrote {folder}: {more}diversity.csv, overlap.csv, top_clones.csv, figures/")


def _spreads(words: list[str] | None) -> dict[str, float]:
    """Spread by factor; a bare number is that of division."""
    from cartsim.clones.succession import FACTORS

    named = [word if "=" in word else f"division={word}" for word in words or ["0.2"]]
    found, wrong = {}, []
    for name, text in pairs("--spread", named).items():
        try:
            found[name] = float(text)
        except ValueError:
            wrong.append(f"{name}={text}")
    wrong += [name for name in found if name not in FACTORS]
    if wrong:
        raise CartsimError(
            "--spread needs a factor and a number", value=", ".join(wrong), limit=", ".join(FACTORS)
        )
    return found


def _days(text: str) -> list[float]:
    """Days as the option lists them, rising."""
    try:
        days = sorted({float(word) for word in text.split(",") if word.strip()})
    except ValueError:
        days = []
    if not days or days[0] <= 0.0 or not days[-1] < 36_525.0:
        raise CartsimError("--visits needs days after infusion", value=text, limit=VISITS)
    return days


def _lines(diversity: pd.DataFrame) -> list[str]:
    """One line a sample: the indices a reader asks for first."""
    lines = []
    for (subject, compartment, time, depth), rows in diversity.groupby(
        ["subject", "compartment", "time", "depth"], sort=False
    ):
        value = rows.set_index("index")
        text = ", ".join(
            f"{name} {_three(value.loc[name, 'value'])} ({_three(value.loc[name, 'lower'])} to "
            f"{_three(value.loc[name, 'upper'])})"
            for name in ("Shannon (nats)", "clonality", "top 10")
        )
        lines.append(f"{subject}, {compartment}, day {time:g}, {depth:,} cells: {text}")
    return lines


def _three(value: float) -> str:
    return f"{value:.3g}"
