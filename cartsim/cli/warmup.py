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
    from cartsim.simulate import simulate
    from cartsim.solve.cohort import reduce_cohort
    from cartsim.solve.reductions import Peak

    for name in names or model_names():
        begin = time.perf_counter()
        model = load_model(name)
        simulate(model, times=[0.0, 1.0])
        reduce_cohort(model, model.values[None], [0.0, 1.0], [Peak(model.output_names[0])])
        typer.echo(f"{model.name}: ready after {time.perf_counter() - begin:.1f} s")
