"""A small population fit run by the tests in a process that can be killed.

python small_population.py FOLDER [resume]
"""

import sys
import tempfile
from pathlib import Path

from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, MoveMix, SamplerSettings
from tests.infer.population_toy import toy

SETTINGS = SamplerSettings(
    ensembles=2,
    walkers=32,
    burn_in=200,
    check_every=200,
    max_steps=5_000,
    checkpoint_every=40,
    moves=MoveMix(differential_evolution=0.54, jumps=0.06, stretch=0.25, leaps=0.15),
)
SEED = 11


def fitted(folder, *, resume=False, settings=SETTINGS, **options):
    """The draws of the small population."""
    with tempfile.TemporaryDirectory() as scratch:
        population = toy(Path(scratch), 5, **options)
    gates = Gates(r_hat=0.0, ensembles=2)  # never passed: every run goes to its last step
    return sample(population, settings, seed=SEED, folder=folder, gates=gates, resume=resume)


if __name__ == "__main__":
    fitted(Path(sys.argv[1]), resume="resume" in sys.argv)
