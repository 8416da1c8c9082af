"""A tumour that grows to a largest size and not at all once it is small, as in the review Chaudhury 2020."""

from cartsim.spec.terms import hill, log, maximum

STEEPNESS = 3  # the whole-number exponent h, in the rate law of both SBML files; no parameter of theirs


def growth(tumor, p):
    """g F U (ln Umax - ln U) / ln Umax with F = 1 / (1 + (Ucrit / U)^h); zero for a tumour that is gone."""
    size = maximum(tumor, 1e-30)
    return p.g * hill(tumor, p.u_crit, STEEPNESS) * tumor * (log(p.u_max) - log(size)) / log(p.u_max)
