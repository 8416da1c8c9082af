"""Simulation by name: parameters, doses and scenarios in, trajectories with labels and units out."""

import numpy as np
import pytest

from cartsim.errors import CartsimWarning, ModelError, SolveError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.simulate import simulate
from tests.problems import WARD

STEIN = "stein2019_tisagenlecleucel"
TIMES = [0.0, 9.3, 28.0]
METHOD = Rodas5P(rtol=1e-8)


def test_one_patient_by_name():
    run = simulate(STEIN, times=TIMES)
    assert run.values.shape == (1, 3, 1)
    assert run.output_names == ("car_transgene",)
    assert run.output("car_transgene")[0] == pytest.approx([24_000.0 / 3900.0, 24_000.0, 1373.559], rel=1e-6)
    assert run.status.tolist() == [0]


def test_parameters_by_name_override_the_models_own():
    run = simulate(STEIN, times=TIMES, parameters={"cmax": 1000.0, "tmax": 9.3})
    assert run.output("car_transgene")[0, 1] == pytest.approx(1000.0)
    assert run.parameters[0].tolist() == load_model(STEIN).vector(cmax=1000.0).tolist()


def test_a_table_is_a_cohort_with_its_own_labels():
    import pandas as pd

    table = pd.DataFrame({"subject": ["B-7", "A-2"], "cmax": [100.0, 200.0]})
    run = simulate(STEIN, times=TIMES, parameters=table)
    assert run.subjects == ("B-7", "A-2")
    assert run.output("car_transgene")[:, 1] == pytest.approx([100.0, 200.0])
    unnamed = simulate(STEIN, times=TIMES, parameters=table[["cmax"]].set_axis(["x", "y"]))
    assert unnamed.subjects == ("x", "y")


def test_a_dose_a_regimen_and_no_dose():
    dosed = simulate(WARD, times=[1.0], dose=3.0, method=METHOD).output("drug")[0, 0]
    by_regimen = simulate(WARD, times=[1.0], regimen=Regimen.single(3.0), method=METHOD)
    assert dosed > 0.0
    assert by_regimen.output("drug")[0, 0] == dosed
    assert simulate(WARD, times=[1.0], dose=0.0, method=METHOD).output("drug")[0, 0] == 0.0
    assert simulate(WARD, times=[1.0], method=METHOD).output("drug")[0, 0] == 0.0, "no published dose"


def test_each_patient_may_have_its_own_regimen():
    import pandas as pd

    regimens = [Regimen(), Regimen((Dose(2.0), Dose(2.0, 0.5))), Regimen.single(2.0)]
    table = pd.DataFrame({"loss": [0.3, 0.3, 0.3]})
    drug = simulate(WARD, times=[1.0], parameters=table, regimen=regimens, method=METHOD).output("drug")[:, 0]
    assert drug[0] == 0.0
    assert drug[1] > drug[2] > 0.0
    with pytest.raises(ModelError, match=r"one regimen a patient.*got: 2; allowed: 3"):
        simulate(WARD, times=[1.0], parameters=table, regimen=regimens[:2])


def test_a_start_on_another_day_shifts_the_dose_with_it():
    early = simulate(WARD, times=[1.0], dose=3.0, method=METHOD).output("drug")
    late = simulate(WARD, times=[6.0], dose=3.0, start=5.0, method=METHOD).output("drug")
    assert late == pytest.approx(early, rel=1e-7)


def test_requests_that_cannot_be_met_are_refused_in_words():
    with pytest.raises(ModelError, match="got: cmaxx; allowed: foldx"):
        simulate(STEIN, times=TIMES, parameters={"cmaxx": 1.0})
    with pytest.raises(ModelError, match="no such scenario"):
        simulate(STEIN, times=TIMES, scenario="atypical")
    with pytest.raises(ModelError, match="no dose input"):
        simulate(STEIN, times=TIMES, dose=1e8)
    with pytest.raises(ModelError, match="either a dose or a regimen"):
        simulate(WARD, times=TIMES, dose=1.0, regimen=Regimen())
    with pytest.raises(ModelError, match="no such model"):
        simulate("stein", times=TIMES)
    with pytest.raises(SolveError, match="before the start"):
        simulate(STEIN, times=[-1.0, 2.0])
    with pytest.raises(SolveError, match="rising"):
        simulate(STEIN, times=[3.0, 2.0])


def test_failed_solves_are_counted_in_a_warning_and_left_empty():
    import pandas as pd

    table = pd.DataFrame({"growth": [0.0, 40.0, 40.0], "subject": ["a", "b", "c"]})
    with pytest.warns(CartsimWarning, match=r"2 of 3 solves of ward failed \(runaway: 2\)"):
        run = simulate(WARD, times=[0.0, 10.0], parameters=table, method=METHOD)
    assert np.isnan(run.values[1:, 1]).all()
    assert np.isfinite(run.values[0]).all()
    assert run.to_dataframe()["drug"].isna().sum() == 2


def test_the_number_of_threads_changes_nothing():
    import pandas as pd

    table = pd.DataFrame({"tmax": np.linspace(5.0, 20.0, 600)})
    one, two = (simulate(STEIN, times=TIMES, parameters=table, threads=n).values for n in (1, 2))
    assert one.tobytes() == two.tobytes()
