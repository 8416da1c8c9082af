"""The figures of `cartsim diagnose`: drawn from plain tables, thresholds as the engine has them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cartsim.infer import leave_one_out, power_scaling, profiles
from cartsim.report import diagnosis_plates, power_scaling_plot
from cartsim.report.html import Printed, render
from cartsim.report.plates import plates
from cartsim.report.style import png

NAMES = ("foldx", "tmax")


@pytest.fixture
def tables(six) -> dict[str, pd.DataFrame]:
    subjects = list(six.subjects)
    pairs = [(subject, name) for subject in subjects for name in NAMES]
    both = pd.DataFrame(pairs, columns=["subject", "name"])
    walk = pd.concat(
        [
            both.assign(kind=kind, value=10.0 * 2.0**step, drop=0.8 * step**2, start="neighbour")
            for kind in ("likelihood", "posterior")
            for step in (-2.0, -1.0, 0.0, 1.0, 2.0)
        ],
        ignore_index=True,
    )
    samples = six.observations
    gof = six.gof.rename(columns={"residual": "iwres", "theoretical_quantile": "normal_score"})
    days = np.array([1.0, 7.0, 28.0, 180.0])
    bands = [
        pd.DataFrame({"time": days, "lower": 1.0, "median": 1e3, "upper": 1e6}).assign(
            subject=subject, output=samples["output"].iloc[0]
        )
        for subject in subjects
    ]
    counted = pd.DataFrame({"subject": subjects}).assign(
        output=samples["output"].iloc[0], samples=9, quantified=7, outside_90=1, blq_observed=0.2,
        blq_expected=0.1, draws=100, failed=0,
    )  # fmt: skip
    return {
        "directions": both.assign(
            to_prior=[1e-5, 20.0] * len(subjects), sloppy=[True, False] * len(subjects), words="foldx alone"
        ),
        "profiles": walk,
        "intervals": both.assign(kind="likelihood", lower=5.0, upper=20.0, open_lower=True, open_upper=False),
        "power_scaling": both.assign(prior=0.1, likelihood=0.2, words=power_scaling.CONFLICT),
        "prior_predictive": pd.concat(bands, ignore_index=True),
        "samples": samples,
        "prior_counts": counted,
        "leave_one_out": samples[["subject", "output", "time", "censoring"]].assign(pareto_k=3.0),
        "iwres": gof,
        "shrinkage": pd.DataFrame(
            {"output": [gof["output"].iloc[0]], "samples": [40], "censored": [3], "shrinkage": [0.2]}
        ),
    }  # fmt: skip


def test_thresholds_in_the_figures_are_those_of_the_engine():
    assert diagnosis_plates.THRESHOLD == profiles.THRESHOLD
    assert diagnosis_plates.SENSITIVE == power_scaling.SENSITIVE
    assert diagnosis_plates.HIGH_K == leave_one_out.HIGH
    assert power_scaling_plot.CONFLICT == power_scaling.CONFLICT


def test_every_table_becomes_a_figure_in_its_section(six, tables):
    drawn = list(diagnosis_plates.diagnosis_plates(replace(six, diagnosis=tables)))
    kinds = {re.sub(r"_(car|\d).*", "", plate.name) for plate in drawn}
    assert kinds == {"sloppiness", "power_scaling", "prior_predictive", "pareto_k", "iwres", "profiles"}
    assert {plate.section for plate in drawn} == {"identifiability", "profiles"}
    for plate in drawn:
        if plate.subject in ("", six.subjects[0]):
            assert len(png(plate.draw(), 40)) > 1_000


def test_an_open_profile_and_the_share_outside_are_said_in_the_figure(six, tables):
    drawn = {plate.name: plate for plate in diagnosis_plates.diagnosis_plates(replace(six, diagnosis=tables))}
    first = next(name for name in drawn if name.startswith("profiles"))
    words = [text.get_text() for axes in drawn[first].draw().axes for text in axes.texts]
    assert words == ["open below", "open below"]
    check = next(name for name in drawn if name.startswith("prior_predictive"))
    title = drawn[check].draw().axes[0].get_title(loc="left")
    assert "1 of 7 samples outside" in title
    assert "BLQ 20% (prior 10%)" in title


def test_single_samples_of_real_patients_are_in_no_figure(withheld, tables):
    hidden = {plate.name for plate in plates(replace(withheld, diagnosis=tables))}
    assert "sloppiness" in hidden
    assert not [name for name in hidden if name.startswith(("prior_predictive", "pareto", "iwres"))]


def test_the_page_says_where_to_get_them_or_shows_them(six, tables):
    assert "cartsim diagnose" in render(six)
    with_tables = replace(six, diagnosis=tables)
    printed = [Printed(plate, None) for plate in diagnosis_plates.diagnosis_plates(with_tables)]
    page = render(with_tables, printed)
    assert "figure-sloppiness" in page
    assert "Not looked into" not in page
    assert "Profile intervals (95%), open ends marked" in page
