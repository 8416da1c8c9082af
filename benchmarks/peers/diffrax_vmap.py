"""diffrax on the CPU: jit and vmap over 64 patients, float64, one adaptive solve a stretch."""

from __future__ import annotations

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.printers import jax_rhs
from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case

BATCH = 64


def solver(case: Case, method: str) -> Solver:
    """Each lane of the vmap has its own steps; a lane of a batch waits for the slowest (as vmap does)."""
    jax.config.update("jax_enable_x64", True)
    scope: dict = {"jnp": jnp}
    exec(jax_rhs(case.model), scope)
    rhs, scales = scope["rhs"], jnp.asarray(case.scales)
    term, step = diffrax.ODETerm(lambda t, y, p: rhs(t, y, p)), getattr(diffrax, method)()
    times, end = jnp.asarray(case.times), case.times[-1]

    def patient(start, p, jumps, stops, rtol):
        y, kept = start, jnp.zeros((len(case.times), len(case.model.states)))
        control = diffrax.PIDController(rtol=rtol, atol=rtol * scales)
        for s in range(case.p.shape[1]):
            begin, finish = stops[s], stops[s + 1]
            # A patient with fewer stops has empty stretches at the end: a short dummy, its result unused.
            empty = finish <= begin
            until = jnp.where(empty, begin + 1e-3, finish)
            inside = (times >= begin) & ((times < finish) | ((times == end) & (finish == end))) & ~empty
            wanted = jnp.append(jnp.clip(times, begin, until), until)
            found = diffrax.diffeqsolve(
                term,
                step,
                begin,
                until,
                None,
                y + jumps[s],
                args=p[s],
                saveat=diffrax.SaveAt(ts=wanted),
                stepsize_controller=control,
                max_steps=200_000,
                throw=False,
            )
            kept = jnp.where(inside[:, None], found.ys[:-1], kept)
            y = jnp.where(empty, y, found.ys[-1])
        return kept

    batch = jax.jit(jax.vmap(patient, in_axes=(0, 0, 0, 0, None)))

    def solve(rtol: float, count: int) -> np.ndarray:
        rows = [np.arange(first, first + BATCH) % count for first in range(0, count, BATCH)]
        found = [
            batch(case.starts[row], case.p[row], case.jumps[row], case.stops[row], rtol).block_until_ready()
            for row in rows
        ]
        return np.concatenate([np.asarray(part) for part in found])[:count]

    return solve
