"""The stiff standards: published end values of Hairer & Wanner's test set, reached within the tolerance."""

import numpy as np
import pytest

from cartsim.kernels.methods import Method, Rodas4, Rodas5P
from tests.problems import (
    HIRES_END,
    OREGO_END,
    ROBERTSON_END,
    VAN_DER_POL_END,
    hires,
    orego,
    robertson,
    solved,
    van_der_pol,
)

# Per problem: model, end time, published end values, allowed error / rtol. The limits are about three times
# what is reached; they grow with the length of the orbit (OREGO passes one spike and its slow return).
STANDARDS = {
    "robertson": (robertson, 1e11, ROBERTSON_END, 20.0),
    "van_der_pol": (van_der_pol, 2.0, VAN_DER_POL_END, 3.0),
    "hires": (hires, 321.8122, HIRES_END, 15.0),
    "orego": (orego, 360.0, OREGO_END, 20.0),
}
FAST = [("robertson", Rodas5P)]
PAIRS = [
    pytest.param(name, method, marks=() if (name, method) in FAST else pytest.mark.slow)
    for name in STANDARDS
    for method in (Rodas4, Rodas5P)
]


def relative_error(name: str, method: Method) -> float:
    make, end, published, _ = STANDARDS[name]
    result = solved(make(), [end], method)
    assert result.status.tolist() == [0]
    # An oscillator that creeps and then jumps is solved anew at a tighter tolerance, and all steps count.
    assert result.counts[0, 0] < 30_000, "an explicit method would need millions of steps"
    return float(np.abs(result.states[-1] / published - 1.0).max())


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_the_published_end_values_are_reached(name, method):
    allowed = STANDARDS[name][3]
    for rtol in (1e-4, 1e-5, 1e-6):
        assert relative_error(name, method(rtol=rtol, first_step=1e-4)) < allowed * rtol


def test_robertson_keeps_its_mass_over_eleven_decades():
    result = solved(robertson(), np.logspace(-3, 11, 57), Rodas5P(rtol=1e-6, first_step=1e-4))
    assert result.states.sum(axis=1) == pytest.approx(np.ones(57), rel=1e-12)
    assert result.states.min() >= 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", STANDARDS)
def test_the_published_end_values_are_those_of_scipy(name):
    """SciPy's Radau, whose global error stays below a hundred times its rtol on all four."""
    from scipy.integrate import solve_ivp

    make, end, published, _ = STANDARDS[name]
    model = make()
    size = np.array([state.scale for state in model.states])
    found = solve_ivp(
        lambda t, y: model.derivatives(t, y, model.values),
        (0.0, end),
        [state.initial for state in model.states],
        method="Radau",
        rtol=1e-9,
        atol=1e-12 * size,
    )
    assert found.y[:, -1] == pytest.approx(np.array(published), rel=1e-7, abs=0.0)
