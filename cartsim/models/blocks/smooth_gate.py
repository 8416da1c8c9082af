"""A switch that turns from 1 to 0 around a day without a jump, for when expansion gives way to decline."""

from __future__ import annotations

from typing import Any

from cartsim.spec.terms import exp, minimum

STEEPEST = 500.0  # exp of more overflows; there the gate is shut to 200 digits


def gate(t: Any, day: Any, steepness: Any) -> Any:
    """1 / (1 + exp(steepness (t - day))): one half on `day`, a step in the limit of a large steepness."""
    return 1.0 / (1.0 + exp(minimum(steepness * (t - day), STEEPEST)))
