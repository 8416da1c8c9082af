"""Each solver in a process of its own, on one core: a crash or endless loop costs one solver, not the run."""

from __future__ import annotations

import os
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.peers.table import BY_NAME, Peer

# XLA takes all cores unless told; every solver is measured on one.
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}


class Remote:
    """A peer in its process; calling it solves and gives (CPU seconds, states; None when given before)."""

    def __init__(self, peer: Peer, core: int) -> None:
        self.peer, self.given = peer, set()
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, peer.name, core), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *request: object) -> None:
        """Send a request without waiting for the answer."""
        if request[0] == "prepare":
            self.given.clear()
        self.pipe.send(request)

    def answer(self, limit: float) -> tuple:
        """The answer to the last request; RuntimeError with the reason where there is none."""
        try:
            if not self.pipe.poll(limit):
                self.close()
                raise RuntimeError(f"no answer within {limit:g} s")
            kind, *content = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(f"its process died (exit code {self.process.exitcode})") from error
        if kind == "failed":
            raise RuntimeError(content[0])
        return tuple(content)

    def __call__(self, rtol: float, count: int) -> tuple[float, np.ndarray | None]:
        fresh = (rtol, count) not in self.given
        self.given.add((rtol, count))
        return self.solve(rtol, count, fresh)

    def solve(
        self, rtol: float, count: int, wanted: bool, limit: float = 120.0
    ) -> tuple[float, np.ndarray | None]:
        """CPU seconds, and the states where `wanted`."""
        if not self.process.is_alive():
            raise RuntimeError("its process has ended")
        self.ask("solve", rtol, count, wanted)
        return self.answer(limit)

    def close(self) -> None:
        """End its process."""
        self.process.terminate()
        self.process.join(5.0)


def _serve(pipe: Connection, name: str, core: int) -> None:
    os.environ.update(ONE_THREAD)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    solver = None
    while True:
        try:
            verb, *words = pipe.recv()
        except EOFError:
            return
        try:
            if verb == "prepare":
                from benchmarks.cases import make_case

                solver = BY_NAME[name].solver(make_case(*words))
                pipe.send(("ready",))
                continue
            rtol, count, wanted = words
            begin = time.process_time()
            states = solver(rtol, count)
            taken = time.process_time() - begin
            # What runs in a process of its own (R) says its seconds itself.
            pipe.send(("solved", getattr(solver, "seconds", taken), states if wanted else None))
        except Exception as error:  # whatever a peer throws is its reason in the report
            pipe.send(
                ("failed", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            )


def cores() -> list[int]:
    """Cores this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
