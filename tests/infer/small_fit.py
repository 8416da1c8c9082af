"""A small simulated patient and its fit, shared by the tests and run by them in a process that can be killed.

python small_fit.py FOLDER STEPS [resume]   kills itself (kill -9) after STEPS steps over all ensembles
"""

import os
import signal
import sys
from dataclasses import replace

import numpy as np

from cartsim.data.dataset import ObservationArrays
from cartsim.infer.problem import FreeParameter, Problem
from cartsim.infer.sampling import sample
from cartsim.infer.settings import SamplerSettings
from cartsim.models import load_model
from cartsim.observe.error_models import LogNormalError

DAYS = np.array([1.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0, 60.0, 90.0, 180.0])
SETTINGS = SamplerSettings(
    ensembles=2, walkers=16, burn_in=40, check_every=40, max_steps=160, checkpoint_every=30, starts=8
)
SEED = 5


def patient_arrays(model, *, lloq=50.0, noise=0.4):
    """Simulated SIM-1: Stein's median patient, log-normal noise, left-censored at the LLOQ (copies/ug)."""
    from cartsim.solve.batch import batch

    truth = batch(model, model.values[None], DAYS).outputs[:, 0]
    measured = truth * np.exp(noise * np.random.default_rng(11).standard_normal(len(DAYS)))
    low = measured < lloq
    value = np.where(low, lloq, measured)
    count = len(DAYS)
    return ObservationArrays(
        subjects=("SIM-1",),
        outputs=model.output_names,
        subject_offsets=np.array([0, count]),
        time=DAYS,
        output=np.zeros(count, dtype=np.int64),
        value=value,
        censoring=low.astype(np.int64),
        lower=np.where(low, 0.0, value),
        upper=value,
        row=np.arange(2, count + 2),
    )


def patient_problem(**changes):
    """The fitting problem of the simulated patient, with fields replaced as asked."""
    model = load_model("stein2019_tisagenlecleucel")
    free = tuple(FreeParameter(p.name, p.prior, p.unit, p.meaning) for p in model.parameters if not p.fixed)
    problem = Problem(model, "SIM-1", patient_arrays(model), free, {"car_transgene": LogNormalError()})
    return replace(problem, **changes) if changes else problem


def main(folder: str, steps: int, resume: bool) -> None:
    def die(done: int, planned: int) -> None:
        if done >= steps:
            os.kill(os.getpid(), signal.SIGKILL)

    sample(patient_problem(), SETTINGS, seed=SEED, folder=folder, resume=resume, progress=die)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "resume" in sys.argv)
