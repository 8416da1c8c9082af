"""What is given to a patient: CAR-T infusions and drugs, by name, turned into the solver's event table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import Dose, dose_rows
from cartsim.regimen.events import EventTable, event_table
from cartsim.regimen.rules import Rule, rule_table
from cartsim.spec.model import Model


@dataclass(frozen=True)
class Regimen:
    """All doses of one patient, in any order, and the rules by which more are given.

    Raises
    ------
    ModelError
        Where two rules bear one name: their firings could not be told apart.
    """

    doses: tuple[Dose, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ModelError("two rules of a regimen have the same name", value=", ".join(twice))

    @classmethod
    def single(cls, amount: float, *, time: float = 0.0, duration: float = 0.0) -> Regimen:
        """One CAR-T infusion."""
        return cls((Dose(amount, time, duration),))

    @classmethod
    def split(cls, amount: float, *, fractions: Sequence[float], times: Sequence[float]) -> Regimen:
        """One product given in parts, e.g. fractions (0.1, 0.3, 0.6) on days (0, 1, 2)."""
        if abs(sum(fractions) - 1.0) > 1e-9 or len(fractions) != len(times):
            raise ModelError("fractions must add up to 1, one for each time", value=(fractions, times))
        return cls(tuple(Dose(amount * share, day) for share, day in zip(fractions, times, strict=True)))

    def repeated(self, every: float, times: int) -> Regimen:
        """The same doses `times` times, each round `every` days after the one before; the rules stay."""
        if not (np.isfinite(every) and every > 0.0) or times < 1:
            raise ModelError("doses repeat after > 0 days, at least once in all", value=(every, times))
        rounds = [replace(d, time=d.time + k * every) for k in range(times) for d in self.doses]
        return replace(self, doses=tuple(rounds))

    def events(self, model: Model) -> list[tuple[float, int, int, float]]:
        """(time, kind, state index, value) of every dose; ModelError where the model cannot take it."""
        return [row for dose in self.doses for row in dose_rows(model, dose)]


def events_of(model: Model, regimens: Sequence[Regimen]) -> EventTable:
    """The event table of several patients, one regimen each."""
    table = event_table([regimen.events(model) for regimen in regimens])
    if not any(regimen.rules for regimen in regimens):
        return table
    return replace(table, rules=rule_table(model, [regimen.rules for regimen in regimens]))
