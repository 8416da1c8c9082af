"""How a part declares a parameter in one line: with a spread between patients, or fixed."""

from cartsim.spec.model import Parameter, Source, assumed
from cartsim.spec.priors import Fixed, LogNormal


def varies(name: str, unit: str, meaning: str, median: float, log_sd: float, source: Source) -> Parameter:
    """A parameter that differs between patients: log-normal, `median` in its unit."""
    return Parameter(name, unit, meaning, LogNormal(median, log_sd), source)


def fixed(name: str, unit: str, meaning: str, value: float, source: Source) -> Parameter:
    """A parameter that is held: the data of a patient do not inform it, or it is a choice."""
    return Parameter(name, unit, meaning, Fixed(value), source, fixed=True)


def by_hand(why: str) -> Source:
    """A number of this project's own calibration, by hand and by search, with what it was set by."""
    return assumed(f"calibrated here: {why}")
