"""From a patient table to problems: the free names, their priors, and refusals that name what is wrong."""

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import FitError
from cartsim.infer.assemble import make_problems
from cartsim.models import load_model
from cartsim.observe.error_models import LogNormalError
from cartsim.spec.priors import Fixed, LogNormal

ERRORS = {"car_transgene": LogNormalError()}
TABLE = """subject,time,output,value,unit,lloq
A,1,car_transgene,<50,copies/ug,50
A,10,car_transgene,20000,copies/ug,50
A,21,car_transgene,4000,copies/ug,50
B,7,car_transgene,3000,copies/ug,50
B,14,car_transgene,9000,copies/ug,50
B,100,car_transgene,<50,copies/ug,50
"""


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "six.csv"
    path.write_text(TABLE)
    return read_data(path)


@pytest.fixture(scope="module")
def stein():
    return load_model("stein2019_tisagenlecleucel")


def test_every_subject_gets_a_problem_with_its_own_observations(stein, dataset):
    problems = make_problems(stein, dataset, errors=ERRORS)
    assert [problem.subject for problem in problems] == ["A", "B"]
    assert [problem.arrays.time.tolist() for problem in problems] == [[1.0, 10.0, 21.0], [7.0, 14.0, 100.0]]
    assert problems[0].names == ("foldx", "tmax", "cmax", "alpha", "fb", "beta", "sigma_car_transgene")
    assert np.isfinite(problems[1].log_posterior(np.zeros((1, 7)) + 0.1)[0])


def test_priors_and_fixed_values_override_the_models_own(stein, dataset):
    wide = LogNormal(median=13.0, log_sd=0.5)
    problem = make_problems(
        stein, dataset, errors=ERRORS, priors={"tmax": wide, "foldx": Fixed(3000.0)}, fixed={"beta": 0.01}
    )[0]
    assert problem.names == ("tmax", "cmax", "alpha", "fb", "sigma_car_transgene")
    assert problem.priors[0] == wide
    assert problem.fixed == {"foldx": 3000.0, "beta": 0.01}


def test_a_parameter_the_paper_did_not_estimate_is_free_once_it_has_a_prior(stein, dataset):
    problem = make_problems(stein, dataset, errors=ERRORS, priors={"ftoci": LogNormal(1.2, 0.2)})[0]
    assert "ftoci" in problem.names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"errors": ERRORS, "priors": {"tmx": Fixed(1.0)}}, ("tmx", "tmax")),
        ({"errors": ERRORS, "fixed": {"tmx": 1.0}}, ("tmx", "tmax")),
        (
            {"errors": ERRORS, "fixed": {"tmax": 9.0}, "priors": {"tmax": Fixed(1.0)}},
            ("tmax", "both", "fixed"),
        ),
        ({"errors": {"car": LogNormalError()}}, ("car", "car_transgene")),
        ({"errors": {}}, ("no output", "car_transgene")),
        ({"errors": {}, "outputs": ["car_transgene"]}, ("without an error model", "car_transgene")),
    ],
)
def test_names_that_do_not_fit_are_refused(stein, dataset, arguments, words):
    with pytest.raises(FitError) as caught:
        make_problems(stein, dataset, **arguments)
    for word in words[:1] + words[-1:]:
        assert word in str(caught.value)
