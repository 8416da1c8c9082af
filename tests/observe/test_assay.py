"""An assay reports limits instead of values outside its range."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.observe.assay import Assay


def test_values_outside_the_range_are_reported_as_limits():
    report = Assay("car_transgene", lloq=50.0, uloq=1e5).report([10.0, 50.0, 3e3, 2e5])
    assert report.censoring.tolist() == [1, 0, 0, 2]
    assert report.value.tolist() == [50.0, 50.0, 3e3, 1e5]
    assert report.lower.tolist() == [0.0, 50.0, 3e3, 1e5]
    assert report.upper.tolist() == [50.0, 50.0, 3e3, np.inf]


def test_an_assay_without_limits_reports_everything():
    report = Assay("ferritin").report([0.0, 1e9])
    assert report.censoring.tolist() == [0, 0]
    assert report.value.tolist() == [0.0, 1e9]


def test_limits_apply_after_the_scale():
    report = Assay("car_transgene", lloq=50.0, scale=0.5).report([90.0, 110.0])
    assert report.censoring.tolist() == [1, 0]
    assert report.value.tolist() == [50.0, 55.0]


@pytest.mark.parametrize(("limits", "word"), [({"lloq": 0.0}, "lloq"), ({"lloq": 5.0, "uloq": 5.0}, "ULOQ")])
def test_limits_that_make_no_range_are_refused(limits, word):
    with pytest.raises(ModelError, match=word):
        Assay("car_transgene", **limits)
