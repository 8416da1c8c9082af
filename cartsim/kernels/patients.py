"""From individual parameters of all walkers to model parameters, from predictions to likelihoods."""

from __future__ import annotations

import math

from cartsim.kernels.jit import kernel
from cartsim.kernels.residual import COMBINED, of_prediction
from cartsim.kernels.unconstrained import physical

# columns of the observation table
ROW, OUTPUT, CENSORING, KIND, FIRST, SECOND, SCALE = range(7)
NO_SCALE = -1


@kernel
def place(theta, shared, targets, transforms, ends, parameters, possible):
    """Write individual and shared parameters into model parameters [W * N, P], walker by walker.

    theta : float64 [W, N, p]; shared : [W, q], both unconstrained; targets, transforms : int64 [p + q]
    ends : float64 [p + q, 2], support; possible : bool [W, N], false where a value is not finite
    """
    walkers, patients, size = theta.shape
    for w in range(walkers):
        for i in range(patients):
            row = w * patients + i
            possible[w, i] = True
            for k in range(size + shared.shape[1]):
                u = theta[w, i, k] if k < size else shared[w, k - size]
                value = physical(u, transforms[k], ends[k, 0], ends[k, 1])
                if abs(value) < math.inf:
                    parameters[row, targets[k]] = value
                else:
                    possible[w, i] = False


@kernel
def gather(outputs, offsets, codes, first, predictions):
    """Predictions of the observed quantities [W, R] from the outputs of all rows [W * N patients].

    offsets : int64 [W * N + 1], rows of each solve; first : int64 [N + 1], observations of each patient
    """
    patients = len(first) - 1
    for w in range(predictions.shape[0]):
        for i in range(patients):
            start = offsets[w * patients + i]
            for r in range(first[i], first[i + 1]):
                predictions[w, r] = outputs[start + codes[r, ROW], codes[r, OUTPUT]]


@kernel
def pointwise(predictions, sigma, log_scale, codes, numbers, result):
    """Log probability of every observation, into `result` [W, R].

    predictions : float64 [W, R], before the assay's scale; sigma : [W, K]; log_scale : [W, S], log factors
    codes : int64 [R, 7]; numbers : float64 [R, 5], see `kernels.residual`
    """
    for w in range(predictions.shape[0]):
        for r in range(predictions.shape[1]):
            prediction, kind = predictions[w, r], codes[r, KIND]
            if codes[r, SCALE] != NO_SCALE:
                prediction *= math.exp(min(log_scale[w, codes[r, SCALE]], 700.0))
            first = sigma[w, codes[r, FIRST]] if codes[r, FIRST] < sigma.shape[1] else 0.0
            second = sigma[w, codes[r, SECOND]] if kind == COMBINED else 0.0
            result[w, r] = of_prediction(prediction, kind, codes[r, CENSORING], first, second, numbers[r])


@kernel
def by_patient(terms, first, possible, result):
    """Sum the observations of each patient, [W, R] to `result` [W, N]; -inf where it is impossible."""
    for w in range(terms.shape[0]):
        for i in range(len(first) - 1):
            total = 0.0
            for r in range(first[i], first[i + 1]):
                total += terms[w, r]
            result[w, i] = total if possible[w, i] and not math.isnan(total) else -math.inf


@kernel
def total(parts, patients, result):
    """Add the parts of each walker [W] and of its patients [W, N] in a fixed order, into `result` [W]."""
    for w in range(len(parts)):
        result[w] = parts[w]
        for i in range(patients.shape[1]):
            result[w] += patients[w, i]
