"""The loaders of the published patient sets: what they keep, drop and count, on made-up look-alikes."""

import re
import warnings

import numpy as np
import openpyxl
import pytest

from cartsim.data.read import read_data
from cartsim.data.sources import fandrei2024, penn_ctl019
from cartsim.errors import CartsimError, CartsimWarning, DataError

HEADER = "study,patient,product,disease,time_day,variable,value,unit,blq,lloq,source,flag"


def tidy(path, rows):
    """A tidy table of made-up rows: patient, day, variable, value, flag."""
    lines = [HEADER]
    for patient, day, variable, value, flag in rows:
        blq = int(value == 0)
        lines.append(f"made,{patient},X,CLL,{day},{variable},{value},copies/ug_gDNA,{blq},,x,{flag}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


PENN = [
    ("p1", -1, "car_transgene", 0, ""),
    ("p1", 0, "car_transgene", 0, "pre_dose"),
    ("p1", 0.5, "car_transgene", 60, "post_dose_same_day"),
    ("p1", 3, "car_transgene", 4e5, "implausible_spike_check"),
    ("p1", 14, "car_transgene", 5e4, ""),
    ("p1", 28, "car_transgene_marrow", 3e4, ""),
    ("p1", 90, "car_transgene", 3.0, "long_term_follow_up"),
    ("p1", 180, "car_transgene", 0, ""),
    ("p04409-10", 10, "car_transgene", 50, ""),
    ("p04409-10", 21, "car_transgene", 90, ""),
    ("p04409-10", 63, "car_transgene", 70, ""),
    ("p04409-10", 69, "car_transgene", 70, "after_reinfusion_series"),
    ("p04409-10", 70, "car_transgene", 900, "after_reinfusion_series;long_term_follow_up"),
    ("p04409-10", 95, "car_transgene", 800, ""),
]


def test_penn_leaves_out_what_it_says_and_counts_it(tmp_path):
    data = penn_ctl019(tidy(tmp_path / "penn.csv", PENN))
    assert data.observations["row"].tolist() == [4, 6, 8, 9, 10, 11, 12]
    assert data.observations["censoring"].tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert {drop.reason: drop.rows for drop in data.summary.dropped} == {
        "another output": (7,),
        "before the infusion (marked pre_dose)": (3,),
        "marked as an implausible spike": (5,),
        "second course (from reinfusion on)": (13, 14, 15),
        "before day 0 (drop_before=)": (2,),
    }
    assert data.summary.rows_read == 14
    assert dict(data.limits) == {"car_transgene": 5.0}
    assert data.covariates.loc["p1", "product"] == "X"


def test_penn_choices_can_be_turned(tmp_path):
    data = penn_ctl019(
        tidy(tmp_path / "penn.csv", PENN), lloq=2.4, keep_implausible=True, truncate_at_reinfusion=False
    )
    assert len(data.observations) == 11
    assert data.observations["value"].max() == 4e5
    assert data.observations["censoring"].tolist() == [0, 0, 0, 0, 1] + [0] * 6
    assert "implausible spike, kept: 1" in data.summary.text()


def test_penn_reads_an_export_whose_columns_are_named(tmp_path):
    path = tmp_path / "vcn.csv"
    path.write_text("who,day,copies\np04409-10,5,90\np04409-10,9,80\np04409-10,20,0\np04409-10,70,7000\n")
    data = penn_ctl019(path, columns={"subject": "who", "time": "day", "value": "copies"})
    assert data.observations["value"].tolist() == [90, 80, 5]
    assert data.observations["output"].tolist() == ["car_transgene"] * 3


FANDREI = [
    ("F1", 7, "car_transgene", 2900, "nominal_day"),
    ("F1", 14, "car_transgene", 29000, "nominal_day;ratio_to_other_PCR_column_off"),
    ("F1", 14, "car_transgene_per_1000_cells", 1000, "nominal_day;ratio_to_other_PCR_column_off"),
    ("F1", 30, "car_transgene", 580, "nominal_day"),
    ("F1", 100, "car_transgene", 0, "nominal_day"),
]


def test_fandrei_keeps_and_counts_suspected_typing_errors_unless_told_otherwise(tmp_path):
    path = tidy(tmp_path / "fandrei.csv", FANDREI)
    kept = fandrei2024(path)
    assert kept.observations["value"].tolist() == [2900, 29000, 580, 50]
    assert kept.observations["censoring"].tolist() == [0, 0, 0, 1]
    assert "two PCR columns disagree, kept: 1" in kept.summary.text()
    dropped = fandrei2024(path, drop_suspected_typing_errors=True)
    assert dropped.observations["value"].tolist() == [2900, 580, 50]
    assert [drop.count for drop in dropped.summary.dropped] == [1, 1]


CYTOKINES = [
    ("F1", -30, "sbcma", 700.0, "visit=Leukapheresis", "ng/mL"),
    ("F1", 7, "sbcma", 90.5, "time_approx", "ng/mL"),
    ("F1", 2, "il6", 180.0, "clock_time", "pg/mL"),
    ("F1", 1, "crp", 3.5, "calendar_day", "mg/L"),
    ("F1", 6, "crp", 0.5, "calendar_day", "mg/L"),
    ("F1", 8, "car_t", 0, "", "cells/uL"),
    ("F1", 9, "monocytes", 0.2, "", "cells/uL"),
]


def with_cytokines(path):
    """Transgene rows in their unit, then the others' in theirs."""
    tidy(path, FANDREI)
    lines = [f"made,{p},X,CLL,{d},{v},{x},{unit},0,,x,{f}" for p, d, v, x, f, unit in CYTOKINES]
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    return path


def test_fandrei_brings_other_outputs_in_their_own_units(tmp_path):
    path = with_cytokines(tmp_path / "fandrei.csv")
    data = fandrei2024(path, others={"il6": None, "crp": 0.6, "sbcma": None, "car_t": 0.2})
    table = data.observations.set_index(["output", "time"])
    units = dict(zip(data.observations["output"], data.observations["unit"], strict=True))
    assert units == {
        "car_transgene": "copies/ug",
        "il6": "pg/mL",
        "crp": "mg/L",
        "sbcma": "ng/mL",
        "car_t": "cells/uL",
    }
    assert table.loc[("sbcma", 7.0), "value"] == 90.5
    assert table.loc[("crp", 6.0), ["value", "censoring"]].tolist() == [0.6, 1]
    assert table.loc[("car_t", 8.0), ["value", "censoring"]].tolist() == [0.2, 1]
    assert dict(data.limits) == {"car_transgene": 50.0, "crp": 0.6, "car_t": 0.2}
    assert {drop.reason: drop.count for drop in data.summary.dropped} == {
        "another output": 2,
        "before day 0 (drop_before=)": 1,
    }


def test_fandrei_takes_names_alone_and_samples_from_before_the_infusion(tmp_path):
    path = with_cytokines(tmp_path / "fandrei.csv")
    data = fandrei2024(path, others=["sbcma", "il6"], drop_before=-365.0)
    sbcma = data.select("sbcma").observations
    assert sbcma["time"].tolist() == [-30.0, 7.0]
    assert sbcma["value"].tolist() == [700.0, 90.5]


def test_fandrei_leaves_out_early_samples_of_one_output_and_counts_them(tmp_path):
    path = with_cytokines(tmp_path / "fandrei.csv")
    data = fandrei2024(path, others=["il6", "crp"], drop_up_to={"crp": 1.0})
    assert data.select("crp").observations["time"].tolist() == [6.0]
    assert data.select("il6").observations["time"].tolist() == [2.0]
    assert {drop.reason: drop.count for drop in data.summary.dropped}["crp up to day 1 (drop_up_to=)"] == 1


def test_fandrei_refuses_an_output_the_table_does_not_have(tmp_path):
    with pytest.raises(CartsimError, match=r"no such output.*il7.*sbcma"):
        fandrei2024(with_cytokines(tmp_path / "fandrei.csv"), others=["il7"])


def test_fandrei_brings_covariates_from_the_table_of_outcomes(tmp_path):
    path, outcomes = with_cytokines(tmp_path / "fandrei.csv"), tmp_path / "outcomes.csv"
    patients = sorted({line.split(",")[1] for line in path.read_text().splitlines()[1:]})
    rows = [f"{p},{k % 2},{k % 2},{k}" for k, p in enumerate(patients)]
    outcomes.write_text("patient,toci,steroid,crs_grade\n" + "\n".join(rows) + "\n")
    data = fandrei2024(path, covariates=["tocilizumab", "crs_grade"], outcomes=outcomes)
    assert data.covariates["tocilizumab"].to_dict() == {
        p: ("no", "yes")[k % 2] for k, p in enumerate(patients)
    }
    assert data.covariates["crs_grade"].to_dict() == {p: float(k) for k, p in enumerate(patients)}
    outcomes.write_text("patient,toci\nsomebody,0\n")
    with pytest.raises(CartsimError, match=rf"without a row: {patients[0]}"):
        fandrei2024(path, covariates=["tocilizumab"], outcomes=outcomes)
    with pytest.raises(CartsimError, match=r"no such covariate.*age.*tocilizumab"):
        fandrei2024(path, covariates=["age"], outcomes=outcomes)


def released(path, *, factor=290.0, first="patient_id"):
    """A made-up workbook as the authors' script reads theirs: PCR on the third sheet under a title row."""
    book = openpyxl.Workbook()
    book.active.title = "clinical"
    book.active.append(["patient_id", "age", "type_cart"])
    book.active.append(["Patient001", 60, "a"])
    book.active.append(["Patient012", 61, "c"])
    book.create_sheet("other").append(["x", "y"])
    pcr = book.create_sheet("PCR")
    pcr.append(["PCR results", None, None, None, None, None, None])
    pcr.append([first, "DNA_7", "DNA_14", "DNA_30", "cells_7", "cells_14", "cells_30"])
    for patient, values in (("Patient001", (10.0, 40.0, 2.0)), ("Patient012", (5.0, 3.0, None))):
        per_ug = [None if value is None else value * factor for value in values]
        pcr.append([patient, *per_ug, *values])
    pcr.append(["Patient013", 2900.0, 290.0, 0, 1.0, 1.0, 0])
    book.save(path)
    return path


def test_the_released_workbook_reads_as_its_script_does(tmp_path):
    with pytest.warns(CartsimWarning, match="F12"):
        data = fandrei2024(released(tmp_path / "cart_bridging_data.xlsx"))
    assert data.subjects == ("F01", "F12", "F13")
    assert data.observations["time"].tolist() == [7, 14, 30, 7, 14, 7, 14, 30]
    np.testing.assert_allclose(
        data.observations["value"], [2900, 11600, 580, 1450, 870, 2900, 290, 50], rtol=1e-12
    )
    assert data.observations["row"].tolist() == [3, 3, 3, 4, 4, 5, 5, 5]
    assert data.covariates.loc[["F01", "F12"], "product"].tolist() == ["Ide-cel", "Cilta-cel"]
    assert "two PCR columns disagree, kept: 1" in data.summary.text()


@pytest.mark.parametrize("change", [{"factor": 30.0}, {"first": "number"}])
def test_a_workbook_laid_out_otherwise_is_refused(tmp_path, change):
    with pytest.raises(DataError, match="laid out otherwise"):
        fandrei2024(released(tmp_path / "cart_bridging_data.xlsx", **change))


def test_a_table_of_another_layout_is_refused(tmp_path):
    path = tmp_path / "penn.csv"
    path.write_text("patient,day,copies\np1,1,2\n")
    with pytest.raises(CartsimError, match="not in the layout"):
        penn_ctl019(path)


def test_without_path_and_folder_the_way_to_the_data_is_told(monkeypatch):
    monkeypatch.delenv("CARTSIM_REAL_DATA", raising=False)
    with pytest.raises(CartsimError, match="CARTSIM_REAL_DATA"):
        fandrei2024()


def test_the_real_penn_set_has_all_patients_and_accounts_for_every_row(real_data):
    data = penn_ctl019()
    assert len(data.subjects) == 29
    kept, dropped = len(data.observations), data.summary.dropped_rows
    assert kept + dropped == data.summary.rows_read == 596
    assert (data.observations["time"] >= 0).all()
    assert not data.observations["value"].isna().any()
    # A higher assumed limit can only censor more.
    blq = [penn_ctl019(lloq=limit).summary.outputs[0].below for limit in (2.4, 5.0, 10.0)]
    assert blq == sorted(blq)
    assert blq[0] < blq[-1]


def test_the_real_fandrei_set_has_thirty_patients_with_pcr(real_data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CartsimWarning)
        data = fandrei2024()
    assert len(data.subjects) == 30
    assert set(data.covariates["product"]) == {"Ide-cel", "Cilta-cel"}
    assert data.summary.outputs[0].below == 1
    assert len(data.observations) + data.summary.dropped_rows == data.summary.rows_read
    assert set(data.observations["time"]) == {7, 14, 30, 100}
    assert data.summary.few_samples


def test_the_real_fandrei_set_has_cytokines_and_soluble_bcma(real_data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CartsimWarning)
        data = fandrei2024(others=("il6", "crp", "sbcma"))
    counts = {c.output: (c.subjects, c.observations, c.unit) for c in data.summary.outputs}
    assert counts["il6"] == (23, 63, "pg/mL")
    assert counts["crp"] == (31, 245, "mg/L")
    assert counts["sbcma"] == (31, 101, "ng/mL")


def test_the_other_real_tables_read_or_say_what_they_lack(real_data):
    with pytest.raises(DataError) as caught:
        read_data(real_data / "car22_lichtenstein2021_dev.csv", drop_before=-10)
    lacking = {re.match(r"(\w+):", finding.what).group(1) for finding in caught.value.findings}
    assert "car_t" in lacking
    limits = dict.fromkeys(sorted(lacking), 1.0)
    data = read_data(real_data / "car22_lichtenstein2021_dev.csv", drop_before=-10, lloq=limits)
    assert len(data.subjects) == 34
