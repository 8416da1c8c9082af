"""The hooks of a solver that watches no rules: nothing happens."""

# <model slot>
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import LANES, np

# </model slot>


@kernel
def memory_of_rules(first, last, work):
    """Nothing to remember and nothing to order."""
    return np.zeros((0, 0, LANES)), np.zeros((LANES, 0, 4))


@kernel
def arm(w, lane, index, work, memory, queue):
    """Nothing to watch."""


@kernel
def obey(w, lane, index, work, memory, queue, firings):
    """No rule fires: the next stop that rules ask for is never, and they give nothing."""
    return np.inf, False


@kernel
def cut_at_crossings(w, memory):
    """No step is cut."""
