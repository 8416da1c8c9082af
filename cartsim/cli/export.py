"""`cartsim export`: a model as SBML, or a fit as PEtab, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartsim.errors import CartsimError


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|FIT",
            help="A model's name (see `cartsim models`) or file; with --petab a fit folder.",
        ),
    ],
    sbml: Annotated[Path | None, typer.Option(help="The SBML file to write (level 3 version 1).")] = None,
    petab: Annotated[Path | None, typer.Option(help="The folder to write the fit to (PEtab 1).")] = None,
    scenario: Annotated[str | None, typer.Option(help="A published parameter set of the model.")] = None,
    dose: Annotated[float | None, typer.Option(help="Another dose, by the published course.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The fit's patient table, where it is not shipped.")
    ] = None,
) -> None:
    """Write a model as SBML (outputs `out_NAME`, published dosing as events), or a fit as a PEtab problem."""
    if (sbml is None) == (petab is None):
        raise CartsimError("export writes one of two things", remedy="give --sbml FILE or --petab FOLDER")
    foreign = {"--data": data} if petab is None else {"--scenario": scenario, "--dose": dose}
    wrong = [option for option, value in foreign.items() if value is not None]
    if wrong:
        kind = "--sbml" if petab is None else "--petab"
        raise CartsimError(f"{', '.join(wrong)} does not go with {kind}", remedy="leave it out")
    if petab is not None:
        from cartsim.interop.petab_write import write_petab

        write_petab(Path(what), petab, data=data, say=typer.echo)
    else:
        _model(what, sbml, scenario, dose)


def _model(name: str, sbml: Path, scenario: str | None, dose: float | None) -> None:
    from cartsim.data.write import replace_text
    from cartsim.interop.sbml_write import sbml_text
    from cartsim.models import load_model

    loaded = load_model(name)
    replace_text(sbml, sbml_text(loaded, scenario=scenario, dose=dose))
    typer.echo(f"wrote {sbml}: {loaded.name}" + (f", scenario {scenario}" if scenario else ""))
    rules = "Rules that react to the patient and measured inputs are not in SBML core."
    typer.echo(rules)
