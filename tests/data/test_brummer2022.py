"""The loader of the culture wells: thinned curves, counts in CI under their curve, doses; made-up rows."""

import pytest

from cartsim.data.brummer2022 import brummer2022_in_vitro
from cartsim.data.sources import LOADERS
from cartsim.errors import CartsimError

HEADER = "study,patient,product,disease,time_day,variable,value,unit,blq,lloq,source,flag"
# Simulated: no row belongs to a well.
ROWS = """
LINE1|E2500|dex0|B1-B2,-0.1,tumor_cell_index,0.9,CI
LINE1|E2500|dex0|B1-B2,0.0,tumor_cell_index,0.4,CI
LINE1|E2500|dex0|B1-B2,0.25,tumor_cell_index,0.8,CI
LINE1|E2500|dex0|B1-B2,0.29,tumor_cell_index,0.82,CI
LINE1|E2500|dex0|B1-B2,0.4995,tumor_cell_index,0.5,CI
LINE1|E2500|dex0|B1-B2,0.54,tumor_cell_index,0.4,CI
LINE1|E2500|dex0|B1-B2,1.0,tumor_cell_index,-0.1,CI
LINE1|E0|dex0.001|A3-A4,0.5,tumor_cell_index,1.5,CI
LINE1|E0|dex0.001|A3-A4,1.0,tumor_cell_index,1.6,CI
LINE1|E0|dex0.001|A3-A4,1.5,tumor_cell_index,1.8,CI
LINE2|E500|dex0.1|D9-D10,0.5,tumor_cell_index,2.5,CI
LINE2|E500|dex0.1|D9-D10,1.0,tumor_cell_index,2.6,CI
LINE2|E500|dex0.1|D9-D10,1.5,tumor_cell_index,2.7,CI
LINE1|E2500|dex0|B1,5.8,car_t_endpoint,6000.0,cells/well
LINE1|E2500|dex0|B2,5.8,car_t_endpoint,7000.0,cells/well
LINE1|E2500|dex0|B1,5.8,tumor_cells_endpoint,100.0,cells/well
LINE1|E0|dex0.001|A3,5.8,car_t_endpoint,2.0,cells/well
LINE2|E500|dex0.1|D10,5.8,car_t_endpoint,200.0,cells/well
"""
CURVES = ("LINE1|E2500|dex0|B1-B2", "LINE1|E0|dex0.001|A3-A4", "LINE2|E500|dex0.1|D9-D10")


@pytest.fixture
def path(tmp_path):
    lines = [HEADER]
    for row in ROWS.split():
        patient, day, output, value, unit = row.split(",")
        lines.append(f"made,{patient},CAR-T,line,{day},{output},{value},{unit},0,,x,sd=0.1")
    path = tmp_path / "wells.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def seen(data, curve):
    rows = data.observations[data.observations["subject"] == curve]
    return list(zip(rows["output"], rows["time"], rows["value"], strict=True))


def test_a_curve_keeps_one_sample_an_interval_and_the_counts_of_its_two_wells(path):
    data = brummer2022_in_vitro(path)
    assert set(data.subjects) == set(CURVES)
    assert seen(data, CURVES[0]) == [
        ("tumor_cell_index", 0.25, 0.8),
        ("tumor_cell_index", 0.4995, 0.5),
        ("tumor_cell_index", 1.0, -0.1),
        ("car_t", 5.8, 0.6),
        ("car_t", 5.8, 0.7),
    ]
    assert seen(data, CURVES[2])[-1] == ("car_t", 5.8, pytest.approx(0.02))
    assert set(data.observations["unit"]) == {"CI"}


def test_car_t_cells_are_a_dose_in_cell_index_and_wells_without_them_have_none(path):
    doses = brummer2022_in_vitro(path).doses
    given = dict(zip(doses["subject"], doses["amount"], strict=True))
    assert given == {CURVES[0]: 0.25, CURVES[2]: 0.05}
    assert set(doses["time"]) == {0.0}
    assert set(doses["unit"]) == {"CI"}


def test_line_and_level_of_dexamethasone_are_covariates(path):
    told = brummer2022_in_vitro(path).covariates
    assert told.loc[list(CURVES), "line"].tolist() == ["LINE1", "LINE1", "LINE2"]
    assert told.loc[list(CURVES), "dexamethasone"].tolist() == ["without", "low", "high"]
    assert told.loc[list(CURVES), "effectors"].tolist() == [2500.0, 0.0, 500.0]


def test_what_is_left_out_is_counted_by_reason(path):
    data = brummer2022_in_vitro(path, lines=["LINE1"], spacing=0.25)
    dropped = {item.reason.partition(" (")[0]: len(item.rows) for item in data.summary.dropped}
    assert dropped == {
        "between the samples kept": 2,
        "another line": 4,
        "another output": 1,
        "count in a well without CAR-T cells": 1,
        "before day 0.25": 2,
    }
    assert CURVES[2] not in data.subjects


def test_unknown_lines_and_strange_names_are_refused_in_words(path):
    with pytest.raises(CartsimError, match="no such line; got: LINE9; allowed: LINE1, LINE2"):
        brummer2022_in_vitro(path, lines=["LINE9"])
    path.write_text(path.read_text().replace("LINE2|E500|dex0.1|D10", "well 7"))
    with pytest.raises(CartsimError, match="subjects do not name line"):
        brummer2022_in_vitro(path)


def test_fit_folders_find_the_loader_by_name():
    assert LOADERS["brummer2022_in_vitro"] is brummer2022_in_vitro
