"""Draws of a population: read from a fit, placed as declared, shared by the patients of one trial."""

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.hyper_draws import HyperDraws, from_population_fit
from cartsim.cohort.virtual_patients import VirtualPatients
from cartsim.errors import ModelError
from cartsim.models import load_model

MODEL = load_model("bcma_myeloma")
TWO = HyperDraws(
    ("killing", "division"), np.array([[0.5, 1.5], [2.0, 1.9]]), np.array([[0.0, 0.1], [0.3, 0.0]])
)


def column(rows, name):
    return rows[:, MODEL.index(name)]


def test_a_fits_table_gives_typical_values_spreads_correlations_and_what_is_shared():
    table = pd.DataFrame(
        {
            "subject": ["population", "population", "P1"],
            "killing": [0.5, 0.6, 0.7],
            "division": [1.5, 1.6, 1.7],
            "growth": [0.02, 0.03, np.nan],
            "omega_killing": [0.1, 0.2, np.nan],
            "omega_division": [0.3, 0.4, np.nan],
            "cor_division_killing": [0.5, -0.5, np.nan],
            "sigma_car_t": [0.1, 0.1, np.nan],
        }
    )
    found = from_population_fit(table, MODEL)
    assert found.names == ("killing", "division", "growth")
    assert found.typical.tolist() == [[0.5, 1.5, 0.02], [0.6, 1.6, 0.03]]
    assert found.spread.tolist() == [[0.1, 0.3, 0.0], [0.2, 0.4, 0.0]]
    assert found.correlation[:, 0, 1].tolist() == [0.5, -0.5]


def test_patients_are_log_normal_round_the_draw_and_correlated_as_it_says():
    draws = HyperDraws(
        ("killing", "division"),
        np.array([[0.5, 1.5]]),
        np.array([[0.4, 0.2]]),
        np.array([[[1.0, 0.8], [0.8, 1.0]]]),
    )
    rows = VirtualPatients(MODEL, 1, scenario="fast", population=draws)(0, 8192)
    logs = np.log(np.column_stack([column(rows, "killing"), column(rows, "division")]))
    np.testing.assert_allclose(np.exp(logs.mean(axis=0)), [0.5, 1.5], rtol=0.02)
    np.testing.assert_allclose(logs.std(axis=0), [0.4, 0.2], rtol=0.03)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.8, abs=0.02)


def test_the_patients_of_one_trial_share_a_draw_and_others_differ():
    draw = VirtualPatients(MODEL, 3, scenario="fast", population=TWO, together=10)
    rows = draw(0, 2000)
    exact = np.abs(column(rows, "killing") - 0.5) < 1e-12  # draw 0 has no spread of killing
    by_trial = exact.reshape(-1, 10)
    assert (by_trial.all(axis=1) | ~by_trial.any(axis=1)).all()
    assert 0.3 < by_trial[:, 0].mean() < 0.7
    assert np.array_equal(draw(1015, 1040), rows[1015:1040]), "across two blocks"


def test_other_parameters_stay_as_they_were():
    before = VirtualPatients(MODEL, 3, scenario="fast")(0, 50)
    after = VirtualPatients(MODEL, 3, scenario="fast", population=TWO)(0, 50)
    others = [k for k, name in enumerate(MODEL.parameter_names) if name not in TWO.names]
    assert np.array_equal(before[:, others], after[:, others])


def test_sobol_patients_have_the_same_law_and_a_steadier_mean():
    def means(design):
        draws = [VirtualPatients(MODEL, seed, scenario="fast", design=design)(0, 1024) for seed in range(12)]
        return np.array([np.log(column(rows, "killing")).mean() for rows in draws])

    assert means("sobol").std() < 0.2 * means("random").std()
    assert means("sobol").mean() == pytest.approx(means("random").mean(), abs=0.02)


def test_what_is_no_population_is_refused():
    one_by_one = pd.DataFrame({"subject": ["P1"], "killing": [0.5]})
    with pytest.raises(ModelError, match="no population"):
        from_population_fit(one_by_one, MODEL)
    moved = pd.DataFrame(
        {"subject": ["population"], "killing": [0.5], "omega_killing": [0.1], "beta_killing_dose": [0.3]}
    )
    with pytest.raises(ModelError, match="covariates"):
        from_population_fit(moved, MODEL)
    wrong = HyperDraws(("killing", "nothing"), np.array([[0.5, 1.0]]), np.array([[-0.1, 0.1]]))
    with pytest.raises(ModelError, match="nothing") as error:
        VirtualPatients(MODEL, 1, population=wrong)
    assert "spreads of killing" in str(error.value)
