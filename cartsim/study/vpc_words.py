"""The checks of a population fit in sentences."""

from __future__ import annotations

from cartsim.infer.population_checks import PopulationChecks

HIGH_SHRINKAGE = 0.3  # Savic & Karlsson 2009: above it, plots of etas mislead


def summary(checks: PopulationChecks) -> list[str]:
    """The findings in words."""
    lines = [f"trials simulated: {checks.trials}, of them with a failed solve and left out: {checks.lost}"]
    high = checks.shrinkage.loc[checks.shrinkage["shrinkage"] > HIGH_SHRINKAGE, "name"]
    if len(high):
        lines.append(f"shrinkage above 30%, so individual values lean on the population: {', '.join(high)}")
    if checks.errors is None:
        lines.append("too few draws for prediction distribution errors: use the run's own draws")
    else:
        for row in checks.errors.tests.query("measure == 'npde'").itertuples():
            word = "no sign against the model" if row.p_global > 0.05 else "the model does not fit"
            lines.append(
                f"NPDE of {row.output}: mean {row.mean:+.2f}, variance {row.variance:.2f}, "
                f"p {row.p_global:.3f}: {word}"
            )
    if checks.left_out is None:
        lines.append("patients are not left out: shared parameters would have to be integrated too")
    else:
        found = checks.left_out
        worst = found.table.loc[found.table["pareto_k"].idxmax()]
        lines.append(
            f"elpd of unseen patients {found.elpd:.1f} (se {found.se:.1f}); largest Pareto k "
            f"{worst['pareto_k']:.2f} ({worst['subject']}){'' if found.reliable else ': not reliable'}"
        )
    return lines
