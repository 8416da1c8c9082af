"""From a model's name or a fit's folder to a page served on this machine only."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cartsim.cohort.model_scenario import ModelScenario
from cartsim.cohort.myeloma_scenario import MODEL, MyelomaScenario
from cartsim.cohort.scenario import Scenario, started
from cartsim.errors import CartsimError
from cartsim.models import load_model, model_names

LOOPBACK = "127.0.0.1"  # never another: whoever reaches the page sees the fit's patients
FIRST_PORT = 8765


def nicegui() -> Any:
    """The module that serves the page, or CartsimError with the remedy."""
    try:
        import nicegui as found
    except ImportError as error:
        raise CartsimError("nicegui is not installed", remedy="pip install 'cartsim[explore]'") from error
    return found


def scenario_of(target: str, *, fit: Path | None = None, data: Path | None = None) -> Scenario:
    """The scenario of a model's name or file, of a fit folder, or of a run's output folder.

    Raises
    ------
    CartsimError
        For what is none of these.
    """
    if Path(target).is_dir():
        from cartsim.study.fit_scenario import fit_scenario

        return fit_scenario(Path(target), fit=fit, data=data)
    if not target.endswith(".py") and target not in model_names():
        raise CartsimError(
            "neither a model nor a folder",
            value=target,
            limit=", ".join(model_names()),
            remedy="give a model's name, a model file (.py) or a folder such as fits/six_patients",
        )
    return MyelomaScenario() if target == MODEL else ModelScenario(load_model(target))


def free_port(port: int | None) -> int:
    """The port asked for, or the first free one from 8765 on; CartsimError where it is taken."""
    for candidate in range(FIRST_PORT, FIRST_PORT + 100) if port is None else (port,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise CartsimError("the port is in use", value=port or FIRST_PORT, remedy="give another one with --port")


def serve(scenario: Scenario, *, port: int, show: bool, say: Callable[[str], None] = print) -> None:
    """Solve once, so that kernels are compiled, then serve the page until Ctrl-C."""
    found = nicegui()
    say("solving once; the first time a model's kernels are compiled, up to two minutes")
    scenario.picture(started(scenario))
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from cartsim.explore.page import Page

    # A page elsewhere whose name is made to point here (DNS rebinding) gets no answer.
    found.app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
    say(f"cartsim explore: http://{LOOPBACK}:{port} (this machine only; Ctrl-C stops it)")
    found.ui.run(
        lambda: Page(scenario),
        host=LOOPBACK,
        port=port,
        title=f"{scenario.title} – cartsim explore",
        favicon="📈",
        show=show,
        reload=False,
        show_welcome_message=False,
        ws_per_message_deflate=False,  # on one machine compressing takes longer than sending
    )
