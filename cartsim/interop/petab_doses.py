"""The patients' doses as parameters of one SBML document, whose values each PEtab condition sets.

PEtab (version 1) knows no doses. What falls on day 0 stands in the starts; every later bolus is an event, and
every change of an infusion's rate a step of the state's rate; their days and amounts are constants of the
model. A patient with fewer doses than another has amounts of zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from cartsim.interop.sbml_write import Given
from cartsim.regimen.doses import BOLUS
from cartsim.regimen.regimen import Regimen
from cartsim.spec.model import Model


@dataclass(frozen=True)
class Doses:
    """What the document declares, and subject -> constant -> value."""

    given: Given
    values: Mapping[str, Mapping[str, float]]


def doses_of(model: Model, regimens: Mapping[str, Regimen | None], taken: set[str]) -> Doses:
    """The doses of all subjects; `taken` are ids that the document has already, and gets those made here.

    Doses into one state at one time are added up: events at one time would overwrite each other.
    """
    first: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    later: dict[tuple[str, bool], dict[str, dict[float, float]]] = defaultdict(dict)
    for subject, regimen in regimens.items():
        for day, kind, target, value in () if regimen is None else Regimen(regimen.doses).events(model):
            state = model.state_names[target]
            if day == 0.0 and kind == BOLUS:
                first[state][subject] += value
            else:
                days = later[state, kind == BOLUS].setdefault(subject, {})
                days[day] = days.get(day, 0.0) + value
    values: dict[str, dict[str, float]] = {subject: {} for subject in regimens}
    constants, starts, events = {}, {}, []
    rates: dict[str, list[str]] = defaultdict(list)
    for state, amounts in first.items():
        identity = fresh(f"dose_{state}", taken)
        constants[identity] = (0.0, f"into {state} on day 0")
        starts[state] = identity
        for subject in regimens:
            values[subject][identity] = amounts.get(subject, 0.0)
    for (state, bolus), days in later.items():
        for k in range(max(map(len, days.values()))):
            stem = f"{'dose' if bolus else 'rate'}_{k + 1}_{state}"
            day, amount = (
                fresh(f"{stem}_day", taken),
                fresh(f"{stem}_{'amount' if bolus else 'change'}", taken),
            )
            what = "amount given" if bolus else "change of the rate per day"
            constants[day] = (0.0, f"day of {stem}")
            constants[amount] = (0.0, f"{what} into {state} by {stem}")
            if bolus:
                events.append(
                    (fresh(f"{stem}_given", taken), f"time >= {day}", {state: f"{state} + {amount}"})
                )
            else:
                rates[state].append(f"piecewise({amount}, time >= {day}, 0)")
            for subject in regimens:
                own = sorted(days.get(subject, {}).items())
                values[subject][day], values[subject][amount] = own[k] if k < len(own) else (0.0, 0.0)
    added = {state: " + ".join(parts) for state, parts in rates.items()}
    return Doses(Given(constants, starts, added, events), values)


def fresh(wanted: str, taken: set[str]) -> str:
    """An id that is not taken yet, made of letters, digits and underscores; it is taken from now on."""
    identity = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in wanted).strip("_")
    identity = identity if identity[:1].isalpha() else f"x_{identity}"
    number, plain = 2, identity
    while identity in taken:
        identity, number = f"{plain}_{number}", number + 1
    taken.add(identity)
    return identity
