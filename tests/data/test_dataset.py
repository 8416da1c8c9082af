"""The dataset: subsets, arrays for the kernels, and writing it back."""

import pickle

import numpy as np
import pandas as pd
import pytest

from cartsim.data.dataset import observation_arrays
from cartsim.data.read import read_data
from cartsim.data.write import replace_text, write_table
from cartsim.errors import CartsimError

TABLE = """\
subject,time_day,output,value,unit,lloq,uloq,limit,censoring,amount,dose_unit,duration,target,sex,age
P2,0,,,,,,,,4.5e8,cells,0.02,effector,f,61.5
P2,7.1,car,900.1,copies/ug,50,,,none,,,,,f,61.5
P2,14,car,50,copies/ug,50,,,left,,,,,f,61.5
P2,14,il6,5000,pg/mL,,5000,,right,,,,,f,61.5
P2,21,car,50,copies/ug,50,,10,interval,,,,,f,61.5
P2,28,score,-0.3,index,,,,none,,,,,f,61.5
P2,30,score,0.1,index,,,,left,,,,,f,61.5
P1,7,car,0.1,copies/ug,,,,none,,,,,m,
P1,3,car,0.3,copies/ug,,,,none,,,,,m,
P1,9,car,1e6,copies/ug,,,,none,,,,,m,
"""


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(TABLE, encoding="utf-8")
    return read_data(path, signed=["score"])


def test_writing_and_reading_back_gives_the_same_data(data, tmp_path):
    write_table(data, tmp_path / "again.csv", comment="SIMULATED\nby a test")
    again = read_data(tmp_path / "again.csv", signed=["score"])
    pd.testing.assert_frame_equal(
        again.observations.drop(columns="row"), data.observations.drop(columns="row"), check_exact=True
    )
    pd.testing.assert_frame_equal(
        again.doses.drop(columns="row"), data.doses.drop(columns="row"), check_exact=True
    )
    pd.testing.assert_frame_equal(again.covariates, data.covariates, check_exact=True)
    assert again.subjects == data.subjects
    assert dict(again.limits) == dict(data.limits)
    assert (tmp_path / "again.csv").read_text().startswith("# SIMULATED\n# by a test\nsubject,")


def test_a_covariate_that_would_read_back_as_something_else_is_refused(data, tmp_path):
    from dataclasses import replace

    clash = replace(data, covariates=data.covariates.rename(columns={"age": "Dose"}))
    with pytest.raises(CartsimError, match="Dose"):
        write_table(clash, tmp_path / "again.csv")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_arrays_carry_indices_and_offsets_by_subject(data):
    arrays = observation_arrays(data, ["il6", "car", "absent"])
    assert arrays.subjects == ("P2", "P1")
    assert arrays.subject_offsets.tolist() == [0, 4, 7]
    assert arrays.time.tolist() == [7.1, 14, 14, 21, 3, 7, 9]
    assert arrays.output.tolist() == [1, 1, 0, 1, 1, 1, 1]
    assert arrays.censoring.tolist() == [0, 1, 2, 3, 0, 0, 0]
    assert arrays.lower.tolist() == [900.1, 0, 5000, 10, 0.3, 0.1, 1e6]
    assert arrays.upper.tolist() == [900.1, 50, np.inf, 50, 0.3, 0.1, 1e6]
    assert arrays.row.tolist() == [3, 4, 5, 6, 10, 9, 11]
    for name in ("time", "value", "lower", "upper"):
        assert getattr(arrays, name).dtype == np.float64
        assert getattr(arrays, name).flags.c_contiguous
        assert getattr(arrays, name).flags.writeable
    for name in ("subject_offsets", "output", "censoring", "row"):
        assert getattr(arrays, name).dtype == np.int64


def test_arrays_of_one_subject_equal_those_of_its_subset(data):
    one = observation_arrays(data, ["car"]).of("P1")
    same = observation_arrays(data.subset(["P1"]), ["car"])
    assert one.digest == same.digest
    assert one.subject_offsets.tolist() == [0, 3]


def test_arrays_do_not_depend_on_the_order_of_the_table(data):
    from dataclasses import replace

    shuffled = replace(data, observations=data.observations.sample(frac=1.0, random_state=3))
    # Rows at one time keep the order of the table, and P2 has one row per output and time.
    assert observation_arrays(shuffled, ["car"]).digest == observation_arrays(data, ["car"]).digest


def test_the_digest_tells_data_apart(data):
    digests = {observation_arrays(data, names).digest for names in (["car"], ["car", "il6"], ["il6", "car"])}
    assert len(digests) == 3


def test_subset_and_select_recount_the_summary(data):
    narrow = data.subset(["P1"]).select("car")
    assert narrow.subjects == ("P1",)
    assert narrow.summary.observations == 3
    assert narrow.summary.doses == 0
    assert len(narrow.covariates) == 1
    assert data.select(["car"]).outputs == ("car",)
    assert data.select(["il6"]).subjects == ("P2", "P1")


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda data: data.subset(["P9"]), "no such subject"),
        (lambda data: data.select("crp"), "no such output"),
        (lambda data: observation_arrays(data, ["crp"]), "measure none of the outputs"),
        (lambda data: observation_arrays(data, ["car"]).of("P9"), "no such subject"),
    ],
)
def test_what_is_not_there_is_named(data, ask, what):
    with pytest.raises(CartsimError, match=what) as caught:
        ask(data)
    assert "allowed" in str(caught.value)


def test_a_dataset_travels_to_another_process(data):
    again = pickle.loads(pickle.dumps(data))
    pd.testing.assert_frame_equal(again.observations, data.observations)
    assert dict(again.limits) == dict(data.limits)
