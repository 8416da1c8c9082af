"""Reading sound tables: names, units, limits, doses, covariates, order, and the account given of it."""

import hashlib

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import CartsimWarning, DataError


@pytest.fixture
def read(tmp_path):
    """Write a table and read it."""

    def reading(text, **arguments):
        path = tmp_path / "trial.csv"
        path.write_text(text, encoding="utf-8")
        return read_data(path, **arguments)

    return reading


LONG = """subject,time,output,value,unit,sex,age,visit
B,0,car,0,copies/ug,f,61,screen
B,7,car,900,copies/ug,f,61,d7
B,14,car,41000,copies/ug,f,61,d14
B,14,il6,12.5,pg/mL,f,61,d14
A,7,car,<50,copies/ug,m,,d7
A,3,car,800,copies/ug,m,,d3
A,28,car,30,copies/ug,m,,d28
"""


def test_the_long_table_becomes_observations_in_order_of_subject_and_time(read):
    data = read(LONG, lloq={"car": 50})
    assert data.name == "trial"
    assert data.subjects == ("B", "A")
    table = data.observations
    assert table["subject"].tolist() == ["B"] * 4 + ["A"] * 3
    assert table["time"].tolist() == [0, 7, 14, 14, 3, 7, 28]
    assert table["output"].tolist() == ["car", "car", "car", "il6", "car", "car", "car"]
    assert table["censoring"].tolist() == [1, 0, 0, 0, 0, 1, 1]
    assert table["upper"].tolist() == [50, 900, 41000, 12.5, 800, 50, 50]
    assert table["row"].tolist() == [2, 3, 4, 5, 7, 6, 8]
    assert dict(data.limits) == {"car": 50.0}


def test_the_digest_is_that_of_the_file(read, tmp_path):
    data = read(LONG, lloq=50)
    assert data.sha256 == hashlib.sha256((tmp_path / "trial.csv").read_bytes()).hexdigest()


def test_the_account_names_subjects_samples_blq_doses_and_assumptions(read):
    text = read(LONG, lloq={"car": 50}, only="car").summary.text()
    assert "subjects: 2" in text
    assert "observations: 6" in text
    assert "car (copies/ug): 6 in 2 subjects, 50.0% BLQ, LLOQ 50" in text
    assert "doses: 0" in text
    assert "dropped rows: 1" in text
    assert "another output (only=) (rows 5)" in text
    assert "LLOQ of car set to 50 by argument" in text
    assert "without a flag, censored: 1" in text
    assert "not in order of time, sorted: 1" in text
    assert "times taken as days" in text
    assert "visit" in text


def test_columns_constant_within_each_subject_are_covariates(read):
    covariates = read(LONG, lloq=50).covariates
    assert list(covariates.columns) == ["sex", "age"]
    assert covariates.loc["B", "age"] == 61.0
    assert np.isnan(covariates.loc["A", "age"])
    assert covariates["sex"].tolist() == ["f", "m"]


def test_a_changing_covariate_can_be_taken_at_its_first_value(read):
    covariates = read(LONG, lloq=50, covariates={"visit": "first"}).covariates
    assert covariates["visit"].tolist() == ["screen", "d7"]


def test_units_are_converted_once_into_the_canonical_one(read):
    data = read(
        "subject,time (h),output,value,unit,lloq\n"
        "P,24,car,9,copies/ng,0.05\nP,48,car,0,copies/ng,0.05\nP,72,car,4,copies/ug,0.05\n"
        "P,72,crp,3,ng/mL,\nP,24,crp,2,ug/mL,\n"
    )
    table = data.observations
    assert table["time"].tolist() == [1, 1, 2, 3, 3]
    car = table[table["output"] == "car"]
    assert car["value"].tolist() == [9000.0, 50.0, 4.0]
    assert car["lloq"].tolist() == [50.0, 50.0, 0.05]
    crp = table[table["output"] == "crp"]
    assert set(crp["unit"]) == {"ng/mL"}
    assert crp["value"].tolist() == [2000.0, 3.0]
    assert "crp converted from ug/mL to ng/mL: 1 rows" in data.summary.text()
    assert "LLOQ 0.05-50" in data.summary.text()


def test_an_output_can_be_held_in_a_unit_of_choice(read):
    data = read(
        "subject,time,output,value,unit\nP,1,crp,3,ng/mL\nP,2,crp,2,ng/mL\nP,3,crp,1,ng/mL\n",
        convert_to={"crp": "mg/L"},
    )
    np.testing.assert_allclose(data.observations["value"], [3e-3, 2e-3, 1e-3], rtol=1e-15)


NONMEM = """ID,TIME,DV,AMT,EVID,MDV,DVID,CENS,LIMIT,RATE,ADDL,II,CMT,WT
1,0,.,4.5e8,1,1,.,.,.,0,0,0,1,80
1,168,900,.,0,0,1,0,.,.,.,.,2,80
1,336,50,.,0,0,1,1,10,.,.,.,2,80
1,336,5000,.,0,0,2,-1,.,.,.,.,3,80
1,400,.,.,2,1,.,.,.,.,.,.,.,80
1,500,.,.,0,1,1,.,.,.,.,.,2,80
1,504,50,.,0,0,1,1,.,.,.,.,2,80
2,0,.,1e8,1,1,.,.,.,5e7,2,24,1,70
2,168,700,.,0,0,1,0,.,.,.,.,2,70
2,336,600,.,0,0,1,0,.,.,.,.,2,70
2,504,500,.,0,0,1,0,.,.,.,.,2,70
"""
CODES = {
    "outputs": {"1": "car_transgene", "2": "il6"},
    "units": {"time": "hour", "dose": "cells", "car_transgene": "copies/ug", "il6": "pg/mL"},
}


def test_nonmem_and_monolix_columns_are_understood(read):
    data = read(NONMEM, **CODES)
    first = data.observations[data.observations["subject"] == "1"]
    assert first["time"].tolist() == [7, 14, 14, 21]
    assert first["output"].tolist() == ["car_transgene", "car_transgene", "il6", "car_transgene"]
    assert first["censoring"].tolist() == [0, 3, 2, 1]
    assert first["lower"].tolist() == [900, 10, 5000, 0]
    assert first["upper"].tolist() == [900, 50, np.inf, 50]
    assert data.covariates["WT"].tolist() == [80.0, 70.0]
    assert [(drop.reason.split(":")[0], drop.rows) for drop in data.summary.dropped] == [
        ("EVID 2", (6,)),
        ("MDV 1", (7,)),
    ]


def test_doses_are_expanded_with_their_duration(read):
    doses = read(NONMEM, **CODES).doses
    assert doses["time"].tolist() == [0, 0, 1, 2]
    assert doses["amount"].tolist() == [4.5e8, 1e8, 1e8, 1e8]
    np.testing.assert_allclose(doses["duration"], [0] + [2 / 24] * 3, rtol=1e-15)
    assert set(doses["unit"]) == {"cells"}
    assert doses["target"].tolist() == ["1"] * 4


def test_doses_of_different_kinds_keep_their_own_units(read):
    doses = read(
        "subject,time,output,value,unit,amount,dose_unit,target,duration\n"
        "P,0,,,,450,1e6 cells,effector,\nP,3,,,,560,mg,tocilizumab,0.05\n"
        "P,7,car,9,copies/ug,,,,\nP,8,car,8,copies/ug,,,,\nP,9,car,7,copies/ug,,,,\n"
    ).doses
    assert doses["amount"].tolist() == [4.5e8, 560.0]
    assert doses["unit"].tolist() == ["cells", "mg"]
    assert doses["target"].tolist() == ["effector", "tocilizumab"]
    assert doses["duration"].tolist() == [0.0, 0.05]


def test_negative_times_are_fine_after_an_earlier_dose(read):
    data = read(
        "ID,TIME,DV,AMT,EVID\n1,-5,.,100,1\n1,-3,7,.,0\n1,0,8,.,0\n1,5,9,.,0\n",
        outputs="car",
        units={"car": "copies/ug", "dose": "mg"},
    )
    assert data.observations["time"].tolist() == [-3, 0, 5]


def test_adam_columns_are_understood(read):
    data = read(
        "STUDYID,USUBJID,SUBJID,PARAMCD,PARAM,AVAL,AVALC,AVALU,AFRLT,AFRLTU,BLQFL,PCLLOQ\n"
        "S,S-01,01,CART,CAR transgene,900,900,copies/ug,168,HOURS,N,50\n"
        "S,S-01,01,CART,CAR transgene,,<50,copies/ug,336,HOURS,Y,50\n"
        "S,S-01,01,CART,CAR transgene,,BLQ,copies/ug,504,HOURS,Y,50\n"
    )
    assert data.subjects == ("S-01",)
    assert data.observations["time"].tolist() == [7, 14, 21]
    assert data.observations["censoring"].tolist() == [0, 1, 1]
    assert data.covariates["SUBJID"].tolist() == [1.0]
    assert data.covariates["PARAM"].tolist() == ["CAR transgene"]


def test_other_headers_can_be_named(read):
    data = read(
        "pt,d,what,titer,u\nP,1,car,3,copies/ug\nP,2,car,2,copies/ug\nP,3,car,1,copies/ug\n",
        columns={"subject": "pt", "time": "d", "output": "what", "value": "titer", "unit": "u"},
    )
    assert data.observations["value"].tolist() == [3, 2, 1]


def test_ragged_subjects_and_one_without_a_quantified_value_are_allowed(read):
    rows = [f"P1,{day},car,{value},copies/ug" for day, value in ((1, 5), (9, 80), (30, 60), (90, 55))]
    rows += [f"P2,{day},car,BLQ,copies/ug" for day in (1, 7, 14)]
    data = read("subject,time,output,value,unit\n" + "\n".join(rows), lloq=50)
    never = data.subset(["P2"])
    assert never.observations["censoring"].tolist() == [1, 1, 1]
    assert "100.0% BLQ" in never.summary.text()


def test_few_samples_are_warned_about(read):
    with pytest.warns(CartsimWarning, match=r"fewer than 3 samples.*P2"):
        data = read(
            "subject,time,output,value,unit\nP1,1,car,3,copies/ug\nP1,2,car,2,copies/ug\n"
            "P1,3,car,1,copies/ug\nP2,3,car,1,copies/ug\n"
        )
    assert data.summary.few_samples == ("P2",)


def test_replicates_are_kept_and_counted(read):
    data = read(
        "subject,time,output,value,unit\nP,1,car,3,copies/ug\nP,1,car,4,copies/ug\nP,2,car,5,copies/ug\n"
    )
    assert data.observations["value"].tolist() == [3, 4, 5]
    assert "kept as replicates: 1" in data.summary.text()


def test_rows_without_a_value_can_be_left_out_and_are_counted(read):
    text = "subject,time,output,value,unit\nP,1,car,3,copies/ug\nP,2,car,,copies/ug\nP,3,car,4,copies/ug\n"
    text += "P,4,car,4,copies/ug\n"
    with pytest.raises(DataError, match="drop_missing=True"):
        read(text)
    data = read(text, drop_missing=True)
    assert len(data.observations) == 3
    assert data.summary.dropped[0].rows == (3,)


def test_every_row_is_either_kept_or_dropped_with_a_reason(read):
    data = read(NONMEM, **CODES)
    rows = set(data.observations["row"]) | set(data.doses["row"])
    rows |= {row for drop in data.summary.dropped for row in drop.rows}
    assert rows == set(range(2, 13))
    assert data.summary.rows_read == 11


def test_a_column_that_excludes_rows_is_honoured(read):
    data = read(
        "subject,time,output,value,unit,exclude\nP,1,car,3,copies/ug,\nP,2,car,9,copies/ug,hemolysed\n"
        "P,3,car,4,copies/ug,0\nP,4,car,4,copies/ug,\n"
    )
    assert data.observations["value"].tolist() == [3, 4, 4]
    assert data.summary.dropped[0].reason == "marked in column exclude"
