"""Trajectories by name: tables, labelled arrays, and names that do not exist."""

import pytest

from cartsim.errors import ModelError
from cartsim.simulate import simulate

STEIN = "stein2019_tisagenlecleucel"
TIMES = [0.0, 9.3, 28.0]


def test_a_dataframe_has_one_row_a_patient_and_time():
    import pandas as pd

    table = pd.DataFrame({"cmax": [100.0, 200.0]})
    frame = simulate(STEIN, times=TIMES, parameters=table).to_dataframe()
    assert list(frame.columns) == ["subject", "time", "car_transgene", "state_effector", "state_memory"]
    assert frame["time"].tolist() == TIMES * 2
    assert frame["subject"].tolist() == ["0"] * 3 + ["1"] * 3
    assert frame["car_transgene"].to_numpy() == pytest.approx(
        (frame["state_effector"] + frame["state_memory"]).to_numpy()
    )


def test_an_xarray_dataset_carries_units_status_and_parameters():
    data = simulate(STEIN, times=TIMES).to_xarray()
    assert dict(data.sizes) == {"subject": 1, "time": 3, "parameter": 10}
    assert data["car_transgene"].attrs["units"] == "copies/ug"
    assert data["time"].attrs["units"] == "day"
    assert float(data["car_transgene"].sel(subject="1", time=9.3)) == pytest.approx(24_000.0)
    assert float(data["parameters"].sel(subject="1", parameter="tmax")) == 9.3
    assert data["status"].values.tolist() == [0]
    assert data.attrs["model"] == STEIN


def test_a_state_or_output_that_does_not_exist_is_answered_with_those_that_do():
    run = simulate(STEIN, times=TIMES)
    with pytest.raises(ModelError, match="got: il6; allowed: car_transgene"):
        run.output("il6")
    with pytest.raises(ModelError, match="got: tumor; allowed: effector, memory"):
        run.state("tumor")
