"""The flagship's scenario: product, dose, burden, drugs; a typical patient and virtual ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np

from cartsim.cohort.outcomes import ACUTE, RTOL, curves_at
from cartsim.cohort.products import WEIGHT_MEDIAN, Products, Treated, TrialPopulation, read_products, rules
from cartsim.cohort.scenario import (
    CRS_NEEDS,
    RESPONSE_NEEDS,
    Choice,
    Dial,
    Picture,
    Settings,
    crs_seen,
    curves_of,
    response_seen,
    started,
)
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.protocols import HOUR, dexamethasone_rule, tocilizumab_rule
from cartsim.regimen.regimen import Regimen
from cartsim.regimen.rules import Rule
from cartsim.solve.batch import STATUS

MODEL = "bcma_myeloma"
PATIENTS, SEED = 39, 20261201  # with the typical one full groups of the solver's 8 lanes
DOSES = (1e6, 1e9)  # CAR+ cells
BURDEN_QUANTILES = (0.025, 0.975)  # of the prior: what patients differ by
NEVER = 100.0  # degC; no patient is that hot. Without any rule another set of kernels would be compiled.
ALWAYS = 0.0  # degC; a rule above it fires on the first day on which it may
FOLLOW_UP = 365.0
SURROGATE = (
    "Grades are a surrogate read from IL-6 (CD22 CAR-T, 52 patients), not ASTCT grades; the cut for grade 2 "
    "is set by product."
)
LIMIT, DELAY, DAY = "fever_limit", "toci_after", "toci_day"


class MyelomaScenario:
    """`bcma_myeloma` under one product of the products file.

    The line is the product's typical patient; the band and all shares are of the first `patients` virtual
    patients of `cartsim trial`, the same ones at every setting. All receive the dose that is set; their
    burdens move together with the typical one.
    """

    def __init__(
        self, *, products: Products | None = None, patients: int = PATIENTS, seed: int = SEED
    ) -> None:
        self.model, self.products = load_model(MODEL), products or read_products()
        self.title = "BCMA CAR-T cells, cytokine release and myeloma"
        self.subtitle = (
            "cartsim bcma_myeloma: own model, unpublished; spreads of its virtual patients assumed"
        )
        self.patients, self.seed = patients, seed
        coarse = np.arange(ACUTE[-1], FOLLOW_UP + 0.1, 5.0)
        self.visits = np.array([d for d in self.products.observation.response_days if d <= FOLLOW_UP])
        self.days = np.unique(np.concatenate([ACUTE, coarse, self.visits, [FOLLOW_UP]]))
        self._treated = cache(self._drawn)

    def controls(self, settings: Settings) -> tuple[Dial | Choice, ...]:
        """Product, dose, burden, when tocilizumab is given, dexamethasone."""
        known = self.products.products
        product = str(settings.get("product", next(iter(known))))
        burden = self.model.parameter("myeloma_start")
        low, high = burden.prior.quantile(np.array(BURDEN_QUANTILES))
        return (
            Choice(
                "product", "Product profile", {key: item.title for key, item in known.items()}, product,
                resets=True, about="Typical values, spreads, ward policy, grade map of the virtual trials.",
            ),
            Dial("dose", "CAR+ cells infused", "cells", *DOSES, self.typical_dose(product)),
            Dial(
                "burden", "Myeloma at infusion", "cells", float(low), float(high), burden.value,
                about="Of the typical patient; every virtual patient's own moves by the same factor.",
            ),
            Choice(
                "tocilizumab", "Tocilizumab, 8 mg/kg once",
                {"policy": "ward policy", "fever": "at fever", "day": "on a day", "none": "none"}, "policy",
                about="Ward policy: as the product's virtual trial gives it.",
            ),
            Dial(DAY, "Day of tocilizumab", "day", 0.0, 14.0, 3.0, log=False,
                 needs=(("tocilizumab", "day"),)),
            Dial(
                DELAY, "Tocilizumab after the limit", "h", 0.0, 72.0, 12.0, log=False,
                needs=(("tocilizumab", "fever"),),
            ),
            Choice(
                "dexamethasone", "Dexamethasone", {"off": "off", "on": "on"}, "off",
                about="10 mg every 12 hours, four times, from 24 hours after the temperature limit.",
            ),
            Dial(
                LIMIT, "Temperature limit", "degC", 37.5, 40.5, 38.5, log=False,
                needs=(("tocilizumab", "fever"), ("dexamethasone", "on")),
                about="Drugs given at fever are counted from when it is passed.",
            ),
        )  # fmt: skip

    def typical_dose(self, product: str) -> float:
        """The product's dose for a patient of median weight, CAR+ cells."""
        item = self.products.products[product]
        return float(item.dose or item.dose_per_kg * WEIGHT_MEDIAN)

    def picture(self, settings: Settings) -> Picture:
        """Everything at these settings, from one call of the solver."""
        chosen = started(self, settings)
        product = str(chosen["product"])
        population = self.population(product)
        treated = self.treated(chosen)
        method = Rodas5P(rtol=RTOL)
        curves, firings = curves_at(population, treated, self.days, method=method)
        good = curves.status == 0
        values = np.stack([curves.outputs[name] for name in self.model.output_names], axis=-1)
        observed = self.products.observation
        limits = {"car_transgene": observed.transgene_lloq, "car_t": observed.flow_lloq}
        found = {
            "solved": len(good),
            "failed": int((~good).sum()),
            "reasons": Counter(STATUS[int(code)] for code in curves.status if code),
            "limits": limits,
        }
        words = "typical patient", f"90 % of {int(good[1:].sum())} virtual patients"
        if not good[0]:
            return Picture(self.days, {}, *words, **found)
        theta = self.products.products[product].grade_2
        crs = {name: curves.outputs[name] for name in CRS_NEEDS}
        disease = {name: curves.outputs[name] for name in RESPONSE_NEEDS}
        fixation = observed.immunofixation
        return Picture(
            self.days,
            curves_of(self.model, values, good),
            *words,
            **found,
            crs=crs_seen(self.days, crs, good, therapy=curves.therapy, theta_2=theta),
            response=response_seen(self.days, disease, good, visits=self.visits, immunofixation=fixation),
            drugs=_given(treated.regimens[0], firings[0]),
            remarks=self._remarks(chosen, treated, firings),
        )

    def population(self, product: str) -> TrialPopulation:
        """The virtual patients of a product."""
        return TrialPopulation(self.model, product, self.products, self.seed)

    def treated(self, chosen: Settings) -> Treated:
        """The typical patient and the virtual ones under these settings."""
        product = str(chosen["product"])
        drawn = self._treated(product)
        rows, k = drawn.rows.copy(), self.model.index("myeloma_start")
        rows[:, k] *= float(chosen["burden"]) / self.model.vector(scenario=product)[k]
        dose = (Dose(float(chosen["dose"])),)
        regimens = tuple(
            Regimen(dose, _rules(chosen, regimen.rules, float(weight)))
            for regimen, weight in zip(drawn.regimens, drawn.weights, strict=True)
        )
        return replace(drawn, rows=rows, regimens=regimens)

    def _drawn(self, product: str) -> Treated:
        """The typical patient in front of the virtual ones, as their trial treats them."""
        found = self.population(product).treated(0, self.patients)
        policy = rules(self.products.products[product].policies[0], WEIGHT_MEDIAN)
        return Treated(
            np.vstack([self.model.vector(scenario=product)[None], found.rows]),
            (Regimen((Dose(self.typical_dose(product)),), policy), *found.regimens),
            np.append(WEIGHT_MEDIAN, found.weights),
        )

    def _remarks(self, chosen: Settings, treated: Treated, firings: np.ndarray) -> tuple[str, ...]:
        said = [SURROGATE]
        if chosen["tocilizumab"] == "fever" and not np.isfinite(firings[0, 0]):
            said.append("The typical patient never gets that hot: no tocilizumab.")
        if not 1.0 < float(chosen["dose"]) / self.typical_dose(str(chosen["product"])) * 10.0 < 100.0:
            said.append("The dose is more than ten times off the product's own: extrapolation.")
        return tuple(said)


def _rules(chosen: Settings, policy: tuple[Rule, ...], weight: float) -> tuple[Rule, ...]:
    """What one patient is given; there is always a tocilizumab rule, see `NEVER`."""
    limit = float(chosen[LIMIT])
    when = chosen["tocilizumab"]
    if when == "policy":
        first = policy
    elif when == "fever":
        first = (tocilizumab_rule(limit, weight=weight, delay=float(chosen[DELAY]) * HOUR),)
    elif when == "day":
        day = float(chosen[DAY])
        first = (replace(tocilizumab_rule(ALWAYS, weight=weight, delay=0.0, until=day), start=day),)
    else:
        first = (tocilizumab_rule(NEVER, weight=weight),)
    return first if chosen["dexamethasone"] == "off" else (*first, dexamethasone_rule(limit))


def _given(regimen: Regimen, firings: np.ndarray) -> tuple[tuple[float, str], ...]:
    """(day, drug) of the first dose of every firing of one patient's rules, in the order of time."""
    found, slot = [], 0
    for rule in regimen.rules:
        fired = firings[slot : slot + rule.at_most]
        slot += rule.at_most
        found += [(float(day) + rule.give[0].time, rule.name) for day in fired[np.isfinite(fired)]]
    return tuple(sorted(found))
