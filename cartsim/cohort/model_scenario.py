"""Any model as a scenario to explore: published scenarios, dose and most influential parameters."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from cartsim.cohort.outcomes import ACUTE
from cartsim.cohort.scenario import (
    CRS_NEEDS,
    Array,
    Choice,
    Dial,
    Picture,
    Settings,
    crs_seen,
    curves_of,
    days_to,
    has,
    started,
)
from cartsim.kernels.methods import default_method
from cartsim.regimen.forcing import Forcing
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import STATUS, Batch, batch
from cartsim.spec.model import Model, Parameter
from cartsim.spec.priors import Fixed

MOST_DIALS = 6
PRIOR_RANGE = (0.05, 0.95)  # quantiles of a parameter's prior between which its dial moves
ASSUMED_FACTOR = 3.0  # to either side, where the model declares no spread
DOSE_FACTOR = 30.0  # to either side of the published dose
LATER = 3.0  # the picture may last so many published time spans
RTOL = 1e-6
PUBLISHED = "(default)"
# A course for models that follow measured counts: from the floor to a peak and down by half every 5 days.
PEAK, PEAK_DAY, HALVED = (1.0, 1e4, 100.0), (3.0, 25.0, 10.0), 5.0


class ModelScenario:
    """One patient of a model; the dials are the parameters that move its outputs most within their priors."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.title = f"Model {model.name}"
        self.subtitle = str(model.source)

    def controls(self, settings: Settings) -> tuple[Dial | Choice, ...]:
        """Published scenario, dose, parameters, courses of the inputs, last day."""
        model = self.model
        chosen = str(settings.get("scenario", PUBLISHED))
        name = None if chosen == PUBLISHED else chosen
        found: list[Dial | Choice] = []
        if model.scenarios:
            options = {PUBLISHED: "own values", **{key: key for key in model.scenarios}}
            found.append(Choice("scenario", "Published scenario", options, chosen, resets=True))
        found += self._dose(name)
        found += self._input_dials()
        if name in (None, *model.scenarios):  # an unknown one is refused by `started`
            values = model.vector(scenario=name)
            found += [self._dial(p, float(values[model.index(p.name)])) for p in self.influential]
        span = model.horizon
        return (*found, Dial("until", "Last day shown", "day", span / 20.0, LATER * span, span))

    def picture(self, settings: Settings) -> Picture:
        """The patient's curves at these settings."""
        model, chosen = self.model, started(self, settings)
        days = days_to(float(chosen["until"]))
        row = model.vector(scenario=self._name(chosen))
        for parameter in self.influential:
            row[model.index(parameter.name)] = float(chosen[parameter.name])
        solved = self._solve(row[None], days, chosen)
        status = int(solved.status[0])
        found = {"solved": 1, "failed": int(status != 0), "reasons": {STATUS[status]: 1} if status else {}}
        if status:
            return Picture(days, {}, "one patient", **found)
        values = solved.outputs.reshape(1, len(days), -1)
        good = np.array([True])
        crs = None
        if has(model, CRS_NEEDS) and days[-1] > ACUTE[1]:
            acute = {name: values[:, :, model.output_names.index(name)] for name in CRS_NEEDS}
            crs = crs_seen(days, acute, good, therapy=np.array([np.nan]))
        return Picture(days, curves_of(model, values, good), "one patient", **found, crs=crs)

    @cached_property
    def influential(self) -> tuple[Parameter, ...]:
        """The parameters, in the model's order, whose range moves an output furthest on its log scale."""
        free = [p for p in self.model.parameters if not p.fixed and not isinstance(p.prior, Fixed)]
        candidates = free or [p for p in self.model.parameters if p.value > 0.0]
        moves = self._moves(candidates)
        best = sorted(range(len(candidates)), key=lambda k: -moves[k])[:MOST_DIALS]
        return tuple(candidates[k] for k in sorted(best))

    def _moves(self, candidates: list[Parameter]) -> Array:
        """By how many decades each parameter moves the output that it moves most, on average over days."""
        model = self.model
        base = model.vector()
        rows = np.tile(base, (2 * len(candidates), 1))
        for k, parameter in enumerate(candidates):
            rows[2 * k : 2 * k + 2, model.index(parameter.name)] = _ends(parameter)
        days = days_to(model.horizon)
        first = {c.name: c.value for c in (*self._dose(None), *self._input_dials())}
        solved = self._solve(rows, days, first)
        values = np.abs(solved.outputs.reshape(len(rows), len(days), -1))
        floor = 1e-6 * np.nanmax(values, axis=(0, 1)) + 1e-300
        logs = np.log10(np.maximum(values, floor))
        moved = np.abs(logs[1::2] - logs[::2]).mean(axis=1).max(axis=1)
        return np.nan_to_num(moved)  # one that cannot be solved at an end is no good dial

    def _solve(self, rows: Array, days: Array, chosen: Settings) -> Batch:
        model = self.model
        amount = chosen.get("dose")
        regimen = Regimen.published(model, scenario=self._name(chosen), amount=amount)
        series = tuple(_course(item, chosen) for item in model.inputs)
        events = events_of(model, [Regimen(regimen.doses, (), series)] * len(rows))
        closed = model.solution is not None and not len(events.time)
        return batch(model, rows, days, events=events, method=None if closed else default_method(RTOL))

    def _name(self, chosen: Settings) -> str | None:
        name = str(chosen.get("scenario", PUBLISHED))
        return None if name == PUBLISHED else name

    def _dose(self, scenario: str | None) -> list[Dial]:
        """The dial of the published dose; none where no scenario of the model gives one."""
        model = self.model
        names = (None, *model.scenarios)
        amounts = [course.amount for course in map(model.course, names) if course is not None]
        given = [amount for amount in amounts if amount > 0.0]
        if not given:
            return []
        course = model.course(scenario)
        unit = next(state.unit for state in model.states if state.name in model.infused)
        own = course.amount if course is not None else 0.0
        ends = min(given) / DOSE_FACTOR, max(given) * DOSE_FACTOR
        about = f"Into {', '.join(model.infused)}, on the published days; the left end is no dose."
        return [Dial("dose", "Dose", unit, *ends, own, zero=True, about=about)]

    def _input_dials(self) -> list[Dial]:
        found: list[Dial] = []
        for item in self.model.inputs:
            about = (
                f"No series was measured: {item.meaning}, made up: from its floor to this peak, then down "
            )
            about += f"by half every {HALVED:g} days."
            found += [
                Dial(f"{item.name}_peak", "Peak of the input", item.unit, *PEAK, about=about),
                Dial(f"{item.name}_peak_day", "… on day", "day", *PEAK_DAY, log=False, about=about),
            ]
        return found

    def _dial(self, parameter: Parameter, value: float) -> Dial:
        """The dial of one parameter, wide enough for every published scenario."""
        model, k = self.model, self.model.index(parameter.name)
        published = [model.vector(scenario=name)[k] for name in (None, *model.scenarios)]
        low, high = _ends(parameter)
        low, high = min(low, *published), max(high, *published)
        declared = not parameter.fixed and not isinstance(parameter.prior, Fixed)
        words = "90 % of its prior" if declared else f"a factor {ASSUMED_FACTOR:g} to either side, assumed"
        about = f"{parameter.meaning}. Range: {words}. Source: {parameter.source}."
        return Dial(
            parameter.name, parameter.name, parameter.unit, low, high, value, log=low > 0.0, about=about
        )


def _ends(parameter: Parameter) -> tuple[float, float]:
    """Between which values a parameter is moved."""
    if parameter.fixed or isinstance(parameter.prior, Fixed):
        return parameter.value / ASSUMED_FACTOR, parameter.value * ASSUMED_FACTOR
    low, high = (float(value) for value in parameter.prior.quantile(np.array(PRIOR_RANGE)))
    return min(low, parameter.value), max(high, parameter.value)


def _course(item, chosen: Settings) -> Forcing:
    """A series made up from peak and day of peak."""
    peak, day = float(chosen[f"{item.name}_peak"]), float(chosen[f"{item.name}_peak_day"])
    down = max(np.log2(peak / item.floor), 1.0) * HALVED
    return Forcing(item.name, (0.0, day, day + down), (item.floor, peak, item.floor))
