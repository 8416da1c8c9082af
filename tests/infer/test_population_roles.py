"""Covariates, shared parameters and assay scales enter the population posterior as they are declared."""

import numpy as np
import pytest
from emcee import EnsembleSampler
from scipy import stats

from cartsim.data.read import read_data
from cartsim.errors import FitError
from cartsim.infer.assemble_population import make_population
from cartsim.infer.block_move import HierarchicalBlock
from cartsim.infer.hierarchy import AssayScale, CovariateEffect
from cartsim.infer.population_start import starting_points, weigh_prior_points
from cartsim.infer.population_tables import centres
from cartsim.infer.settings import MoveMix, SamplerSettings
from cartsim.models import load_model
from cartsim.observe.error_models import LogNormalError
from cartsim.solve.batch import batch
from cartsim.spec.priors import HalfNormal, LogNormal
from tests.infer.population_toy import PRIORS

SUBJECTS = {"A": ("ide-cel", 40.0), "B": ("ide-cel", 80.0), "C": ("cilta-cel", 160.0)}
DAYS, LIMIT = (3.0, 7.0, 14.0, 28.0), 50.0
SCALE = AssayScale("flow", "car_transgene", LogNormal(median=0.01, log_sd=1.0), by="product")
PRODUCT = CovariateEffect("cmax", "product", level="cilta-cel")
BURDEN = CovariateEffect("alpha", "burden", reference=80.0)


def population(folder, **changes):
    """Three patients of two products, transgene and flow on four days; one sample below its limit."""
    lines = ["subject,time_day,output,value,unit,lloq,product,burden"]
    for k, (name, (product, burden)) in enumerate(SUBJECTS.items()):
        for j, day in enumerate(DAYS):
            shown = f"<{LIMIT:g}" if (k, j) == (1, 0) else f"{(k + 2) * 300 * (j + 1)}"
            lines.append(f"{name},{day:g},car_transgene,{shown},copies/ug,{LIMIT:g},{product},{burden:g}")
            lines.append(f"{name},{day:g},flow,{(k + 1) * (j + 2)},cells/uL,,{product},{burden:g}")
    path = folder / "roles.csv"
    path.write_text("\n".join(lines) + "\n")
    given = {"covariates": (PRODUCT, BURDEN), "scales": (SCALE,), "shared": ("foldx",)} | changes
    return make_population(
        load_model("stein2019_tisagenlecleucel"),
        read_data(path, covariates=["product", "burden"]),
        errors=dict.fromkeys(("car_transgene", "flow"), LogNormalError(sigma=HalfNormal(sd=1.0))),
        priors=PRIORS,
        **given,
    )


@pytest.fixture(scope="module")
def roles(tmp_path_factory):
    return population(tmp_path_factory.mktemp("roles"))


@pytest.fixture(scope="module")
def starts(roles):
    settings = SamplerSettings(walkers=32)
    found = weigh_prior_points(roles, np.random.default_rng(1))
    return starting_points(roles, found, np.random.default_rng(2), settings)


def test_a_continuous_covariate_is_an_exponent_and_a_level_a_log_ratio(roles):
    u = np.zeros((1, roles.ndim))
    u[0, roles.names.index(PRODUCT.name)], u[0, roles.names.index(BURDEN.name)] = 0.7, 2.0
    centre, names = centres(roles, u)[0], [e.name for e in roles.effects]
    np.testing.assert_allclose(centre[:, names.index("cmax")], [0.0, 0.0, 0.7])
    np.testing.assert_allclose(centre[:, names.index("alpha")], 2.0 * np.log([0.5, 1.0, 2.0]))
    assert (centre[:, names.index("tmax")] == 0.0).all()


def test_every_output_has_its_error_its_limit_and_the_scale_of_its_product(roles, starts):
    values = dict(zip(roles.names, roles.constrain(starts[:1])[0], strict=True))
    own = {"foldx": values["foldx"]}
    total = 0.0
    for k, (name, (product, _)) in enumerate(SUBJECTS.items()):
        given = own | {e.name: values[f"{e.name}[{name}]"] for e in roles.effects}
        curve = batch(roles.model, roles.model.vector(**given)[None], np.array(DAYS)).outputs[:, 0]
        for j, predicted in enumerate(curve):
            sigma, flow = values["sigma_car_transgene"], values["sigma_flow"]
            if (k, j) == (1, 0):
                total += stats.norm.logcdf(np.log(LIMIT), np.log(predicted), sigma)
            else:
                total += stats.lognorm.logpdf((k + 2) * 300 * (j + 1), sigma, scale=predicted)
            scaled = predicted * values[f"scale_flow[{product}]"]
            total += stats.lognorm.logpdf((k + 1) * (j + 2), flow, scale=scaled)
    assert roles.evaluate(starts[:1]).log_likelihood[0] == pytest.approx(total, rel=1e-10)


def test_all_parts_move_and_the_stored_log_probability_stays_exact(roles, starts):
    move = HierarchicalBlock(roles, mix=MoveMix(0.54, 0.06, 0.25, 0.15), sweeps=20)
    sampler = EnsembleSampler(len(starts), roles.ndim, roles.log_posterior, moves=move, vectorize=True)
    sampler.random_state = np.random.RandomState(3).get_state()
    sampler.run_mcmc(starts, 3, skip_initial_state_check=True)
    last = sampler.get_chain()[-1]
    np.testing.assert_array_equal(roles.log_posterior(last), sampler.get_log_prob()[-1])
    still = [name for k, name in enumerate(roles.names) if (last[:, k] == starts[:, k]).any()]
    assert still == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"covariates": (CovariateEffect("cmax", "product", level="other"),)}, r"no such level.*other"),
        ({"covariates": (CovariateEffect("foldx", "burden"),)}, r"does not vary.*foldx"),
        ({"covariates": (CovariateEffect("cmax", "product"),)}, r"not a number"),
        ({"scales": ()}, r"flow.*no such output"),
        ({"scales": (AssayScale("flow", "car_transgene", SCALE.prior, by="site"),)}, r"data lack.*site"),
    ],
)
def test_a_role_that_cannot_be_is_refused_by_name(tmp_path, change, words):
    with pytest.raises(FitError, match=words):
        population(tmp_path, **change)
