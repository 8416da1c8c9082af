"""libroadrunner: CVODE with equations compiled by LLVM from SBML, which Antimony makes from printed text."""

from __future__ import annotations

import antimony as sbml
import numpy as np
import roadrunner

from benchmarks.peers.printers import antimony
from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case


def solver(case: Case) -> Solver:
    """One loaded model; parameters and states are set by index, the tolerances before each run."""
    sbml.clearPreviousLoads()
    if sbml.loadAntimonyString(antimony(case.model)) < 0:
        raise RuntimeError(f"Antimony: {sbml.getLastError()}")
    loaded = roadrunner.RoadRunner(sbml.getSBMLString(sbml.getMainModuleName()))
    model, size, length = loaded.model, len(case.model.states), len(case.times)
    names = list(model.getGlobalParameterIds())
    values = np.array([names.index(f"q{i}") for i in range(case.p.shape[2])], dtype=np.int32)
    places = np.array([names.index(f"s{i}") for i in range(size)], dtype=np.int32)
    loaded.timeCourseSelections = [f"s{i}" for i in range(size)]
    integrator = loaded.getIntegrator()
    integrator.setValue("maximum_num_steps", 100_000)

    def solve(rtol: float, count: int) -> np.ndarray:
        integrator.setValue("relative_tolerance", rtol)
        integrator.setValue("absolute_tolerance", [float(rtol * scale) for scale in case.scales])
        states = np.full((count * length, size), np.nan)
        for patient in range(count):
            y = case.starts[patient]
            for knots, rows, p, jump in case.stretches(patient):
                loaded.reset()
                model.setTime(knots[0])
                model.setGlobalParameterValues(values, p)
                model.setGlobalParameterValues(places, y + jump)
                try:
                    found = np.asarray(loaded.simulate(times=knots))
                except RuntimeError:
                    break
                states[rows[rows >= 0]] = found[rows >= 0]
                y = found[-1]
        return states.reshape(count, length, size)

    return solve
