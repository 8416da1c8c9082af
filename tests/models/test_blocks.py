"""The shared parts alone against the numbers of their sheets, by SciPy from their plain functions."""

from collections import namedtuple

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from cartsim.models.blocks import myeloma_markers, tocilizumab
from cartsim.spec.check import starts
from tests.models.reference_driver import AS_THE_SHEET, CRS

VALUES = CRS.vector(**AS_THE_SHEET)
DAYS = np.arange(0.0, 60.0, 0.01)


def course(*doses: tuple[float, str, float]) -> dict[str, np.ndarray]:
    """States by name on DAYS; doses (day, state, amount) restart the integration."""
    y, pieces, start = starts(CRS, VALUES), [], 0.0
    for day, target, amount in [*sorted(doses), (DAYS[-1] + 0.01, "cells", 0.0)]:
        inside = DAYS[(start <= DAYS) & (day > DAYS)]
        run = solve_ivp(
            lambda t, y: CRS.derivatives(t, y, VALUES), (start, day), y, "LSODA",
            t_eval=np.append(inside, day), rtol=1e-7, atol=1e-7,
        )  # fmt: skip
        pieces.append(run.y[:, :-1])
        y, start = run.y[:, -1].copy(), day
        y[CRS.state_names.index(target)] += amount
    return dict(zip(CRS.state_names, np.hstack(pieces), strict=True))


@pytest.fixture(scope="module")
def untreated():
    return course()


@pytest.fixture(scope="module")
def with_tocilizumab():
    return course((6.6, "toci_central", 560.0))


def peak(values: np.ndarray) -> tuple[float, float]:
    return float(values.max()), float(DAYS[values.argmax()])


@pytest.mark.parametrize(
    ("state", "height", "day"),
    # Sheet, section 8.1; a day the sheet does not give is NaN.
    [("ifng", 374, 9.8), ("il6", 84, 10.6), ("il8", 142, np.nan), ("il10", 55, 10.6), ("crp", 109, 11.6)],
)
def test_the_reference_driver_gives_the_peaks_of_the_sheet(untreated, state, height, day):
    found = peak(untreated[state])
    assert found[0] == pytest.approx(height, rel=0.02)
    assert np.isnan(day) or found[1] == pytest.approx(day, abs=0.15)


def test_the_driver_itself_is_the_sheets(untreated):
    cells = untreated["cells"] + untreated["memory"]
    at = np.searchsorted(DAYS, [7.0, 14.0, 30.0])
    assert cells[at] == pytest.approx([12.4, 98.6, 18.1], rel=0.02)
    assert peak(cells) == (pytest.approx(112, rel=0.02), pytest.approx(12.5, abs=0.15))


def test_fever_lasts_from_day_5_6_to_day_14_3_when_untreated(untreated):
    hot = DAYS[untreated["temperature"] >= 38.0]
    assert untreated["temperature"].max() == pytest.approx(38.96, abs=0.03)
    assert (hot[0], hot[-1]) == (pytest.approx(5.6, abs=0.15), pytest.approx(14.3, abs=0.15))


def test_tocilizumab_raises_measured_il6_while_fever_and_crp_fall(untreated, with_tocilizumab):
    before, after_a_day = np.searchsorted(DAYS, [6.59, 7.6])
    treated = with_tocilizumab["il6"]
    assert treated[before] == pytest.approx(41, rel=0.05)
    assert (treated[after_a_day], untreated["il6"][after_a_day]) == (
        pytest.approx(199, rel=0.04), pytest.approx(55, rel=0.04),
    )  # fmt: skip
    height, day = peak(treated)
    assert (height, 24 * (day - 6.6)) == (pytest.approx(303, rel=0.03), pytest.approx(97, abs=6))
    back = DAYS[(day < DAYS) & (treated < treated[before])][0]
    assert back - 6.6 == pytest.approx(9.4, abs=0.4)
    crp = with_tocilizumab["crp"]
    assert DAYS[(DAYS > 6.6) & (crp < crp[before] / 2)][0] - 6.6 == pytest.approx(0.9, abs=0.1)
    assert with_tocilizumab["temperature"][DAYS > 6.6 + 0.1].max() < 38.0
    assert np.allclose(with_tocilizumab["cells"], untreated["cells"], rtol=1e-4), "no effect on CAR-T cells"
    assert peak(with_tocilizumab["ifng"])[0] == pytest.approx(peak(untreated["ifng"])[0], rel=0.05)


def test_dexamethasone_brakes_interferon_and_il6_and_they_rebound(untreated):
    treated = course(*((6.6 + k / 4, "dexamethasone", 10.0) for k in range(8)))
    after_a_day = np.searchsorted(DAYS, 7.6)
    assert untreated["ifng"][after_a_day] == pytest.approx(225, rel=0.04)
    assert treated["ifng"][after_a_day] == pytest.approx(127, rel=0.06)
    assert treated["il6"][after_a_day] == pytest.approx(23, rel=0.1)
    assert treated["il6"][DAYS > 10.0].max() == pytest.approx(77, rel=0.06), "rebound after the course"
    cool = DAYS[(DAYS > 6.6) & (treated["temperature"] < 38.0)][0]
    assert 24 * (cool - 6.6) == pytest.approx(14, abs=3)


@pytest.mark.parametrize(("day", "level"), [(0.0, 160), (1.0, 137), (7.0, 56), (14.0, 21), (28.0, 2.7)])
def test_tocilizumab_alone_follows_frey_2010(day, level):
    """560 mg once, the sheet's section 3.1."""
    names = [state.name for state in tocilizumab.STATES]
    y_type = namedtuple("State", names)
    p = namedtuple("P", [q.name for q in tocilizumab.PARAMETERS])(*(q.value for q in tocilizumab.PARAMETERS))

    def slopes(t, y):
        rates = tocilizumab.rhs(y_type(*y), p)
        return [rates[name] for name in names]

    run = solve_ivp(slopes, (0, 60), [560.0, 0.0], "LSODA", dense_output=True, rtol=1e-9, atol=1e-9)
    level_at = lambda t: run.sol(t)[0] / p.toci_volume  # noqa: E731
    assert level_at(day) == pytest.approx(level, rel=0.03)
    assert brentq(lambda t: level_at(t) - 1.0, 20, 59) == pytest.approx(36, abs=1.0), "above 1 mg/L for 36 d"
    fine = np.linspace(0, 60, 6001)
    assert np.trapezoid(level_at(fine), fine) == pytest.approx(1095, rel=0.02)


@pytest.mark.parametrize(
    ("igg", "half_life"), [(2.0, 24.9), (5.0, 15.3), (12.1, 9.3), (30.0, 6.2), (60.0, 5.1)]
)
def test_igg_is_lost_faster_the_more_there_is_as_kim_2007_says(igg, half_life):
    """Plasma half-life, the sheet's section 5.2; the body's is 2.2 times as long."""
    p = namedtuple("P", [q.name for q in myeloma_markers.PARAMETERS])(
        *(q.value for q in myeloma_markers.PARAMETERS)
    )
    loss = myeloma_markers.igg_loss((igg - p.igg_normal) / myeloma_markers.MG_PER_ML, p)
    assert np.log(2) / loss / p.igg_pools == pytest.approx(half_life, rel=0.01)


def test_iga_is_lost_at_one_rate_and_markers_stand_still_while_burden_does():
    names = [q.name for q in myeloma_markers.PARAMETERS]
    p = namedtuple("P", names)(*(q.value for q in myeloma_markers.PARAMETERS))
    iga = p._replace(iga=1.0)
    assert myeloma_markers.m_protein_loss(0.5, iga) == myeloma_markers.m_protein_loss(5.0, iga) == p.iga_loss
    for patient in (p, iga):
        begin = myeloma_markers.initial(patient, bcma_positive=5e11)
        y = namedtuple("State", begin)(**begin)
        rates = myeloma_markers.rhs(y, patient, relative=1.0, bcma_positive=5e11)
        assert max(abs(rate) for rate in rates.values()) < 1e-12
