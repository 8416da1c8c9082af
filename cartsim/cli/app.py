"""The command line: one verb a file, errors as plain sentences, exit codes that scripts can trust."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cartsim.cli.bench import bench
from cartsim.cli.check import check
from cartsim.cli.check_models import check_models
from cartsim.cli.clones import clones
from cartsim.cli.cohort import cohort
from cartsim.cli.diagnose import diagnose
from cartsim.cli.explore import explore
from cartsim.cli.export import export
from cartsim.cli.fit import fit
from cartsim.cli.import_sbml import import_sbml
from cartsim.cli.models import models
from cartsim.cli.nca import nca
from cartsim.cli.predict import predict
from cartsim.cli.recipe import recipe
from cartsim.cli.sbc import sbc
from cartsim.cli.simulate import simulate
from cartsim.cli.trial import trial
from cartsim.cli.vpc import vpc
from cartsim.cli.warmup import warmup
from cartsim.errors import CartsimError
from cartsim.version import __version__

VERBS = (
    fit, diagnose, vpc, sbc, check, nca, simulate, trial, cohort, clones, predict,
    explore, models, check_models, export, recipe, warmup, bench,
)  # fmt: skip
EXIT_CODES = {
    0: "done, every gate passed",
    1: "done, but a gate was missed or a committed result was not reproduced",
    2: "not done: the call or an input is wrong, the message says what and where",
    130: "stopped by Ctrl-C; a fit can be continued with --resume",
}

app = typer.Typer(
    name="cartsim",
    help="CAR-T cell kinetics: simulate published models, fit patients, report. Research software: not for "
    "decisions about a patient.",
    epilog="Exit codes: " + " | ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in VERBS:
    app.command()(verb)
app.command("import")(import_sbml)  # no function may be called import


def show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cartsim {__version__}")
        raise typer.Exit


@app.callback()
def entrance(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """CAR-T cell kinetics: simulate published models, fit patients, report."""


def main() -> None:
    """Run the command line; an error made on purpose is a sentence, anything else a traceback."""
    try:
        app()
    except CartsimError as error:
        typer.echo(f"cartsim: {error}", err=True)
        sys.exit(2)
