"""`cartsim simulate`: one patient of a model by name, as a table, a figure and a summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartsim.errors import CartsimError

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.solve.trajectories import Trajectories
    from cartsim.spec.model import Model


def simulate(
    model: Annotated[str, typer.Argument(help="A model's name (see `cartsim models`) or a model file.")],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter; may be repeated.")
    ] = None,
    dose: Annotated[
        float | None, typer.Option(help="CAR-T dose at day 0, in the unit of the infused state.")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="A published parameter set of the model.")] = None,
    until: Annotated[float, typer.Option(help="Last day.")] = 365.0,
    every: Annotated[float, typer.Option(help="Days between output times.")] = 0.25,
    csv: Annotated[Path | None, typer.Option(help="Write the trajectory as a long table.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a figure (.png, .svg or .pdf).")] = None,
) -> None:
    """Simulate one patient and print peak, time of peak and last value of every output."""
    import numpy as np

    from cartsim.models import load_model
    from cartsim.simulate import simulate as run

    if not 0 < every <= until:
        raise CartsimError(
            "--every must be positive and not beyond --until", value=every, limit=f"0 to {until:g}"
        )
    loaded = load_model(model)
    trajectories = run(
        loaded,
        times=np.linspace(0.0, until, int(np.ceil(until / every)) + 1),
        parameters=assigned(assignments or []),
        dose=dose,
        scenario=scenario,
    )
    table = trajectories.to_dataframe()
    typer.echo(summary_text(loaded, trajectories))
    if csv is not None:
        table.to_csv(csv, index=False)
        typer.echo(f"wrote {csv}")
    if plot is not None:
        _draw(loaded, table, plot)
        typer.echo(f"wrote {plot}")


def assigned(assignments: list[str]) -> dict[str, float]:
    """`["k=1", …]` as a mapping; every malformed item is named."""
    values, faulty = {}, []
    for item in assignments:
        name, separator, text = item.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            faulty.append(item)
            continue
        if not separator or not name.strip():
            faulty.append(item)
    if faulty:
        raise CartsimError(
            "--set needs NAME=VALUE with a number",
            value=", ".join(faulty),
            remedy="write for example --set tmax=14",
        )
    return values


def summary_text(model: Model, trajectories: Trajectories) -> str:
    """Peak, day of peak and last value of every output, one line each."""
    import numpy as np

    lines = []
    for index, output in enumerate(model.outputs):
        values = trajectories.values[0, :, index]
        peak = int(np.nanargmax(values))
        days = trajectories.times
        lines.append(
            f"{output.name} ({output.unit}): start {values[0]:.4g}, peak {values[peak]:.4g} on day "
            f"{days[peak]:g}, {values[-1]:.4g} on day {days[-1]:g}"
        )
    return "\n".join(lines)


def _draw(model: Model, table: pd.DataFrame, path: Path) -> None:
    from cartsim.report.trajectory import trajectory

    units = {output.name: output.unit for output in model.outputs}
    trajectory(table, units=units, title=model.name).savefig(path)
