"""An independent reference for the population benchmark: NUTS of NumPyro on the closed form, non-centred.

python -m benchmarks.peers.nuts_population 6     (in an environment with numpyro; writes the summary)
"""

from __future__ import annotations

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.stats import norm
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS

from benchmarks.record import RESULTS, setting
from benchmarks.stein_population import LLOQ, SEED, SIGMA_SD, SPREAD_SD, TYPICAL_SD, centre, columns, toy

WARMUP, DRAWS, CHAINS = 2_000, 4_000, 4


def log_transgene(theta, day):
    """As `stein_population.log_transgene`, in JAX."""
    log_cmax, log_tmax, log_foldx, log_alpha, logit_fb, log_beta = theta.T
    growth = log_cmax + log_foldx * (jnp.minimum(day / jnp.exp(log_tmax), 1.0) - 1.0)
    late = jnp.maximum(day - jnp.exp(log_tmax), 0.0)
    fast, slow = jnp.exp(log_alpha) * late, jnp.exp(log_beta) * late
    log_fraction, log_rest = jax.nn.log_sigmoid(logit_fb), jax.nn.log_sigmoid(-logit_fb)
    return growth + jnp.logaddexp(log_rest - fast, log_fraction - slow)


def model(who, day, log_value, below, patients):
    """The population with its priors."""
    size = len(TYPICAL_SD)
    mu = numpyro.sample("mu", dist.Normal(jnp.array(centre()), jnp.array(TYPICAL_SD)))
    omega = numpyro.sample("omega", dist.HalfNormal(jnp.array(SPREAD_SD)))
    sigma = numpyro.sample("sigma", dist.HalfNormal(SIGMA_SD))
    z = numpyro.sample("z", dist.Normal(jnp.zeros((patients, size)), 1.0))
    theta = numpyro.deterministic("theta", mu + omega * z)
    residual = (log_value - log_transgene(theta[who], day)) / sigma
    measured = norm.logpdf(residual) - jnp.log(sigma)
    numpyro.factor("likelihood", jnp.where(below, norm.logcdf(residual), measured).sum())


def main() -> None:
    """Sample and write means, sds, quantiles and ESS of every scalar."""
    numpyro.enable_x64()
    numpyro.set_host_device_count(2)
    patients = int(sys.argv[1])
    data = toy(patients)
    kernel = NUTS(model, target_accept_prob=0.95, max_tree_depth=10)
    sampler = MCMC(
        kernel, num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS, chain_method="sequential",
        progress_bar=False,
    )  # fmt: skip
    begin = time.perf_counter()
    sampler.run(
        jax.random.PRNGKey(1), data.who, data.day, data.log_value, data.below, patients,
        extra_fields=("diverging", "num_steps"),
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    found, extra = sampler.get_samples(group_by_chain=True), sampler.get_extra_fields()
    parts = [found["mu"], np.log(found["omega"]), np.log(found["sigma"])[..., None]]
    parts.append(np.asarray(found["theta"]).reshape(CHAINS, DRAWS, -1))
    values = np.concatenate([np.asarray(part) for part in parts], axis=-1)
    scalars = {}
    for k, name in enumerate(columns(patients)):
        low, middle, high = np.quantile(values[..., k], [0.05, 0.5, 0.95])
        scalars[name] = {
            "mean": float(values[..., k].mean()),
            "sd": float(values[..., k].std()),
            "q5": float(low),
            "q50": float(middle),
            "q95": float(high),
            "ess": float(effective_sample_size(values[..., k])),
            "r_hat": float(split_gelman_rubin(values[..., k])),
        }
    result = {
        "setting": setting(("numpyro", "jax")),
        "patients": patients,
        "observations": len(data.day),
        "below_lloq": int(data.below.sum()),
        "lloq": LLOQ,
        "seed_of_data": SEED,
        "draws": DRAWS * CHAINS,
        "warmup": WARMUP,
        "divergences": int(extra["diverging"].sum()),
        "gradients_per_draw": float(np.mean(extra["num_steps"])),
        "seconds": round(seconds, 1),
        "max_r_hat": max(item["r_hat"] for item in scalars.values()),
        "min_ess": min(item["ess"] for item in scalars.values()),
        "scalars": scalars,
    }
    path = RESULTS / f"stein_population_nuts_{patients}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: R-hat {result['max_r_hat']:.4f}, ESS {result['min_ess']:.0f}, {seconds:.0f} s")


if __name__ == "__main__":
    main()
