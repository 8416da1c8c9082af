"""How patients vary around the population: densities and exact or Metropolis updates that need no solves.

Patient i's parameters are normal on the unconstrained scale: mean = design_i · coefficients, covariance
D R D with D the spreads and R a correlation. The coefficients of parameter k are its typical value and its
covariate effects. R is held by partial correlations tanh(y) column by column (Lewandowski, Kurowicka & Joe
2009); without y it is the identity. Plain loops: no BLAS, the same bits on any machine and thread count.
"""

from __future__ import annotations

import math

import numpy as np

from cartsim.kernels.jit import kernel

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
LOG_TWO = math.log(2.0)
# priors of a spread: half-normal of the spread, or normal of its log
HALF_NORMAL, NORMAL = range(2)


@kernel
def correlation_root(y, root):
    """Lower Cholesky factor of the correlation with partial correlations tanh(y), into `root` [p, p]."""
    size, at = root.shape[0], 0
    for i in range(size):
        left = 1.0
        for j in range(i):
            if len(y):
                root[i, j] = math.tanh(y[at]) * math.sqrt(left)
                at += 1
            else:
                root[i, j] = 0.0
            left -= root[i, j] * root[i, j]
        root[i, i] = math.sqrt(max(left, 1e-300))
        for j in range(i + 1, size):
            root[i, j] = 0.0


@kernel
def log_lkj(y, eta, size):
    """Log LKJ(eta) density of the partial correlations with the Jacobian of tanh, without its constant.

    The partial correlation in column j (from 0) is a Beta(a, a) on (-1, 1) with a = eta + (p - 2 - j) / 2.
    """
    total, at = 0.0, 0
    for i in range(size):
        for j in range(i):
            if len(y):
                # log(1 - tanh(y)^2) without cancellation
                total += (
                    (eta + 0.5 * (size - 2 - j))
                    * 2.0
                    * (LOG_TWO - abs(y[at]) - math.log1p(math.exp(-2.0 * abs(y[at]))))
                )
                at += 1
    return total


@kernel
def log_spread_prior(log_spread, kind, mean, sd):
    """Log prior density of one log spread, the Jacobian included."""
    if kind == HALF_NORMAL:
        z = math.exp(min(log_spread, 300.0)) / sd
        return -0.5 * z * z + log_spread - math.log(sd) - HALF_LOG_TWO_PI + LOG_TWO
    z = (log_spread - mean) / sd
    return -0.5 * z * z - math.log(sd) - HALF_LOG_TWO_PI


@kernel
def centre_of(design, parameter_of, coefficients, i, centre):
    """Mean of patient i's parameters on the unconstrained scale, into `centre` [p]."""
    centre[:] = 0.0
    for m in range(len(coefficients)):
        centre[parameter_of[m]] += design[i, m] * coefficients[m]


@kernel
def patient_densities(theta, coefficients, log_spread, y, design, parameter_of, result):
    """Log density of every walker's every patient in its population, into `result` [W, N].

    theta : float64 [W, N, p]; coefficients : [W, m]; log_spread : [W, p]; y : [W, p (p - 1) / 2] or [W, 0]
    design : float64 [N, m]; parameter_of : int64 [m], whose coefficient each is
    """
    size = theta.shape[2]
    centre, root, white = np.empty(size), np.zeros((size, size)), np.empty(size)
    for w in range(theta.shape[0]):
        correlation_root(y[w], root)
        constant = 0.0
        for k in range(size):
            constant -= log_spread[w, k] + math.log(root[k, k]) + HALF_LOG_TWO_PI
        for i in range(theta.shape[1]):
            centre_of(design, parameter_of, coefficients[w], i, centre)
            total = 0.0
            for k in range(size):
                rest = (theta[w, i, k] - centre[k]) * math.exp(-log_spread[w, k])
                for j in range(k):
                    rest -= root[k, j] * white[j]
                white[k] = rest / root[k, k]
                total += white[k] * white[k]
            result[w, i] = constant - 0.5 * total


@kernel
def hyper_log_prior(coefficients, log_spread, y, normal_prior, spread_kind, spread_prior, eta, result):
    """Log prior of the population quantities, into `result` [W].

    normal_prior : float64 [m, 2], mean and sd of each coefficient; spread_kind : int64 [p]
    spread_prior : float64 [p, 2], mean and sd (see `log_spread_prior`)
    """
    for w in range(coefficients.shape[0]):
        total = 0.0
        for m in range(coefficients.shape[1]):
            z = (coefficients[w, m] - normal_prior[m, 0]) / normal_prior[m, 1]
            total -= 0.5 * z * z + math.log(normal_prior[m, 1]) + HALF_LOG_TWO_PI
        for k in range(log_spread.shape[1]):
            total += log_spread_prior(
                log_spread[w, k], spread_kind[k], spread_prior[k, 0], spread_prior[k, 1]
            )
        result[w] = total + log_lkj(y[w], eta, log_spread.shape[1])


@kernel
def precision_of(log_spread, root, inverse, precision):
    """Inverse of D R D, into `precision` [p, p]; `inverse` is room for the inverse of `root`."""
    size = len(log_spread)
    for j in range(size):
        for i in range(size):
            inverse[i, j] = 0.0
        inverse[j, j] = 1.0 / root[j, j]
        for i in range(j + 1, size):
            total = 0.0
            for k in range(j, i):
                total -= root[i, k] * inverse[k, j]
            inverse[i, j] = total / root[i, i]
    for i in range(size):
        for j in range(size):
            total = 0.0
            for k in range(max(i, j), size):
                total += inverse[k, i] * inverse[k, j]
            precision[i, j] = total * math.exp(-log_spread[i] - log_spread[j])


@kernel
def draw_coefficients(theta, log_spread, y, design, parameter_of, normal_prior, normal, coefficients):
    """Exact draws of typical values and covariate effects given patients and spread, into `coefficients`.

    A normal prior and a normal population: the conditional is normal with precision
    prior + sum_i X_i' P X_i. `normal` [W, m] are standard normals.
    """
    patients, size, count = theta.shape[1], theta.shape[2], design.shape[1]
    root, inverse, precision = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, size))
    gram = np.zeros((count, count))
    for m in range(count):
        for n in range(count):
            for i in range(patients):
                gram[m, n] += design[i, m] * design[i, n]
    lower, right = np.zeros((count, count)), np.empty(count)
    for w in range(theta.shape[0]):
        correlation_root(y[w], root)
        precision_of(log_spread[w], root, inverse, precision)
        for m in range(count):
            right[m] = normal_prior[m, 0] / normal_prior[m, 1] ** 2
            for q in range(size):
                total = 0.0
                for i in range(patients):
                    total += design[i, m] * theta[w, i, q]
                right[m] += precision[parameter_of[m], q] * total
            for n in range(m + 1):
                lower[m, n] = precision[parameter_of[m], parameter_of[n]] * gram[m, n]
            lower[m, m] += 1.0 / normal_prior[m, 1] ** 2
        for i in range(count):
            for j in range(i + 1):
                total = lower[i, j]
                for k in range(j):
                    total -= lower[i, k] * lower[j, k]
                lower[i, j] = math.sqrt(max(total, 1e-300)) if i == j else total / lower[j, j]
        for i in range(count):
            for k in range(i):
                right[i] -= lower[i, k] * right[k]
            right[i] /= lower[i, i]
        for i in range(count - 1, -1, -1):
            total = right[i] + normal[w, i]
            for k in range(i + 1, count):
                total -= lower[k, i] * coefficients[w, k]
            coefficients[w, i] = total / lower[i, i]


@kernel
def log_spread_density(moment, log_spread, y, patients, root, inverse, precision):
    """Log density of all patients from their second moments about the centre, float64 [p, p]."""
    size = len(log_spread)
    correlation_root(y, root)
    precision_of(log_spread, root, inverse, precision)
    total = 0.0
    for i in range(size):
        total -= patients * (log_spread[i] + math.log(root[i, i]))
        for j in range(size):
            total -= 0.5 * precision[i, j] * moment[i, j]
    return total


@kernel
def walk_spread(
    theta,
    coefficients,
    design,
    parameter_of,
    spread_kind,
    spread_prior,
    eta,
    normal,
    log_uniform,
    log_spread,
    y,
):
    """Metropolis steps of every log spread and partial correlation given the patients, in place.

    normal, log_uniform : float64 [W, steps, p + len(y)]. The step is 2.4 sds of a log spread known from N
    patients, 1 / sqrt(2 N), and of a Fisher-transformed correlation, 1 / sqrt(N).
    """
    patients, size, partial = theta.shape[1], theta.shape[2], y.shape[1]
    centre, moment = np.empty(size), np.empty((size, size))
    root, inverse, precision = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, size))
    for w in range(theta.shape[0]):
        moment[:] = 0.0
        for i in range(patients):
            centre_of(design, parameter_of, coefficients[w], i, centre)
            for k in range(size):
                for j in range(size):
                    moment[k, j] += (theta[w, i, k] - centre[k]) * (theta[w, i, j] - centre[j])
        if partial == 0:  # independent: each spread needs its own second moment only
            for s in range(normal.shape[1]):
                for k in range(size):
                    old, kind = log_spread[w, k], spread_kind[k]
                    mean, sd = spread_prior[k, 0], spread_prior[k, 1]
                    new = old + 2.4 / math.sqrt(2.0 * patients + 2.0) * normal[w, s, k]
                    gain = patients * (old - new)
                    gain -= 0.5 * moment[k, k] * (math.exp(-2.0 * new) - math.exp(-2.0 * old))
                    gain += log_spread_prior(new, kind, mean, sd) - log_spread_prior(old, kind, mean, sd)
                    if gain > log_uniform[w, s, k]:
                        log_spread[w, k] = new
            continue
        here = log_spread_density(moment, log_spread[w], y[w], patients, root, inverse, precision)
        for s in range(normal.shape[1]):
            for k in range(size):
                old, kind = log_spread[w, k], spread_kind[k]
                mean, sd = spread_prior[k, 0], spread_prior[k, 1]
                log_spread[w, k] = old + 2.4 / math.sqrt(2.0 * patients + 2.0) * normal[w, s, k]
                there = log_spread_density(moment, log_spread[w], y[w], patients, root, inverse, precision)
                gain = there - here + log_spread_prior(log_spread[w, k], kind, mean, sd)
                gain -= log_spread_prior(old, kind, mean, sd)
                if gain > log_uniform[w, s, k]:
                    here = there
                else:
                    log_spread[w, k] = old
            for c in range(partial):
                old, before = y[w, c], log_lkj(y[w], eta, size)
                y[w, c] = old + 2.4 / math.sqrt(patients + 2.0) * normal[w, s, size + c]
                there = log_spread_density(moment, log_spread[w], y[w], patients, root, inverse, precision)
                if there - here + log_lkj(y[w], eta, size) - before > log_uniform[w, s, size + c]:
                    here = there
                else:
                    y[w, c] = old
