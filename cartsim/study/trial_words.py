"""What a virtual trial found, as tables for a reader and as plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.trial import TrialDesign

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.study.trial_settings import TrialSettings

STAMP = "SIMULATED virtual patients. Research use only, not for clinical decisions."


def readable_endpoints(table: pd.DataFrame) -> pd.DataFrame:
    """Endpoint by arm as text: the large cohort, the replicate trials, the observed count."""
    import pandas as pd

    rows = []
    for row in table.itertuples(index=False):
        counted = row.unit.startswith("of ")
        middle = f"{100 * row.cohort_value:.1f} %" if counted else f"{row.cohort_value:.4g} {row.unit}"
        found = {
            "Endpoint": row.meaning,
            "Arm": row.arm,
            "Large cohort": middle if np.isfinite(row.cohort_value) else "",
            "Replicates, mean": f"{row.replicate_mean:.3g} {row.unit}",
            "Central 80 %": f"{row.replicate_low:.4g} to {row.replicate_high:.4g}",
        }
        if table["observed"].notna().any():
            found["Observed"] = f"{row.observed:g}" if np.isfinite(row.observed) else ""
            found["P(same)"] = _share(row.probability_same)
            found["P(at least)"] = _share(row.probability_at_least)
        rows.append(found)
    return pd.DataFrame(rows)


def readable_differences(table: pd.DataFrame) -> pd.DataFrame:
    """Differences from the first arm as text."""
    import pandas as pd

    def span(low: float, high: float, scale: float, form: str) -> str:
        both = np.isfinite(low) and np.isfinite(high)
        return f"{scale * low:{form}} to {scale * high:{form}}" if both else ""

    rows = []
    for row in table.itertuples(index=False):
        share, ratio = row.measure == "risk difference", row.measure == "hazard ratio"
        scale, form = (100.0, "+.2f") if share else (1.0, ".3f" if ratio else "+.3g")
        known = np.isfinite(row.value)
        rows.append(
            {
                "Endpoint": row.endpoint,
                "Arm": row.arm,
                "Measure": f"{row.measure}, %" if share else row.measure,
                "Value": f"{scale * row.value:{form}}" if known else "",
                "95 %, paired": span(row.lower, row.upper, scale, form),
                "Trials, same patients": span(row.same_low, row.same_high, scale, form),
                "Trials, other patients": span(row.parallel_low, row.parallel_high, scale, form),
            }
        )
    return pd.DataFrame(rows)


def size_sentence(design: TrialDesign) -> str:
    """How large everything is."""
    return (
        f"{design.replicates} replicate trials of {design.patients} patients an arm; large cohort of "
        f"{design.cohort} patients an arm; the same patients in every arm."
    )


def survival_sentence(settings: TrialSettings) -> str:
    """How survival was followed, and that the counted endpoints were not cut by it."""
    given = settings.follow_up
    if given is None:
        return "Survival of the large cohort, followed to the end"
    parts = [f"dropout {100 * given.dropout_per_year:g} % a year"] if given.dropout_per_year else []
    if given.accrual_per_month is not None:
        parts.append(
            f"{given.accrual_per_month:g} patients a month, data cut at month {given.data_cut_months:g}"
        )
    how = "; ".join(parts) or "to the end"
    return f"Survival of the large cohort as followed ({how}); counted endpoints are those of full follow-up"


def solve_sentence(design: TrialDesign, outcomes: dict[str, pd.DataFrame]) -> str:
    """How many patients of each arm could not be solved, none included."""
    lost = {arm: int((table["status"] != 0).sum()) for arm, table in outcomes.items()}
    counts = "; ".join(f"{arm}: {count} of {design.simulated} not solved" for arm, count in lost.items())
    if not any(lost.values()):
        return f"Failed solves: {counts}."
    return (
        f"Failed solves: {counts}. They are in no cohort value, and replicate trials with one are left out "
        "of the distributions and counted as incomplete."
    )


def plain_lines(frame: pd.DataFrame) -> list[str]:
    """A table of text as aligned lines."""
    texts = [list(map(str, frame.columns)), *([str(item) for item in row] for row in frame.to_numpy(object))]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in texts]


def _share(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""
