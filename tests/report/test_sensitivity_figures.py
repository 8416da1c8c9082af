"""Figures of sensitivity: they show the largest first, and every number of the table once."""

import numpy as np
import pandas as pd

from cartsim.report.heat_map import heat_map
from cartsim.report.sensitivity_plot import sensitivity_plot
from cartsim.report.style import png
from cartsim.report.tornado_plot import tornado_plot

OUTCOMES = ("peak IL-6", "lowest burden")
NAMES = tuple(f"rate_{k}" for k in range(12))


def indices() -> pd.DataFrame:
    rows = [(n, o, 0.01 * k, 0.05 * k) for o in OUTCOMES for k, n in enumerate(NAMES)]
    table = pd.DataFrame(rows, columns=["parameter", "outcome", "first", "total"])
    return table.assign(total_lower=table["total"] - 0.01, total_upper=table["total"] + 0.01)


def labels(axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def test_the_largest_indices_stand_on_top():
    figure = sensitivity_plot(indices(), most=5)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(OUTCOMES)
    assert labels(figure.axes[0]) == ["rate_7", "rate_8", "rate_9", "rate_10", "rate_11"]
    assert png(figure).startswith(b"\x89PNG")


def test_a_tornado_starts_at_the_typical_patient_and_ranks_by_reach():
    reach = np.arange(12.0)
    table = pd.DataFrame(
        {"parameter": NAMES, "outcome": "peak", "typical": 2.0, "low": 2.0 - reach, "high": 2.0 + 0.5 * reach}
    )
    axes = tornado_plot(table, most=3).axes[0]
    assert labels(axes) == ["rate_9", "rate_10", "rate_11"]
    assert {bar.get_x() for bar in axes.patches} == {2.0}
    assert min(bar.get_width() for bar in axes.patches) == -11.0


def test_a_heat_map_writes_the_number_in_every_cell():
    rows = [(x, y, o, 10 * x + y) for o in OUTCOMES for y in (1, 2, 3) for x in (4, 5)]
    table = pd.DataFrame(rows, columns=["dose", "burden", "outcome", "percent"])
    figure = heat_map(table, x="dose", y="burden", labels=("dose", "burden"))
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == ["41", "51", "42", "52", "43", "53"]
