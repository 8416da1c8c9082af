"""`cartsim warmup`: compile the solvers of models now, so that the first run does not wait."""

from __future__ import annotations

from typing import Annotated

import typer


def warmup(
    names: Annotated[
        list[str] | None, typer.Argument(help="Model names or files; all shipped models if left out.")
    ] = None,
) -> None:
    """Compile the solvers of the given models once for this machine."""
    import time

    from cartsim.models import load_model, model_names
    from cartsim.regimen.forcing import Forcing
    from cartsim.regimen.regimen import Regimen
    from cartsim.simulate import simulate
    from cartsim.solve.cohort import reduce_cohort
    from cartsim.solve.reductions import Peak

    for name in names or model_names():
        begin = time.perf_counter()
        model = load_model(name)
        constant = tuple(Forcing(item.name, (0.0,), (item.floor,)) for item in model.inputs)
        regimen = Regimen(inputs=constant) if constant else None
        simulate(model, times=[0.0, 1.0], regimen=regimen)
        peak = [Peak(model.output_names[0])]
        reduce_cohort(model, model.values[None], [0.0, 1.0], peak, regimen=regimen)
        typer.echo(f"{model.name}: ready after {time.perf_counter() - begin:.1f} s")
