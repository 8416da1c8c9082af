"""The hooks of a solver that watches no rules: nothing happens."""

# <model slot>
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import np

# </model slot>


@kernel
def arm(w, lane, index, work, memory):
    """Nothing to watch."""


@kernel
def obey(w, lane, index, work, memory, queue, firings):
    """No rule fires; the next stop that rules ask for is never."""
    return np.inf


@kernel
def cut_at_crossings(w, index, work, memory):
    """No step is cut."""
