"""IMWG 2016 at one visit: a worked table, one row a rule, limits exactly met included."""

import numpy as np
import pytest

from cartsim.endpoints.imwg_rules import ImwgSettings, Measured, Response, measured_by, visit_responses
from cartsim.endpoints.visits import MyelomaVisits, at_visits
from cartsim.errors import EndpointError

NAN = np.nan


def visits_of(m, marrow=0.2, flc=10.0, plasmacytoma=None, uninvolved=None):
    """One patient; a single number is repeated at every visit. Marrow 20 % keeps CR away unless said."""
    sizes = [len(v) for v in (m, marrow, flc, plasmacytoma) if isinstance(v, list)]
    size = max(sizes)

    def row(value):
        return None if value is None else np.broadcast_to(np.asarray(value, float), (1, size))

    days = np.concatenate([[-5.0], 30.0 * np.arange(1, size)])
    return MyelomaVisits(days, row(m), row(marrow), row(flc), row(uninvolved), row(plasmacytoma))


def codes(settings=None, **values):
    return [Response(c).label for c in visit_responses(visits_of(**values), settings or ImwgSettings())[0]]


CLEAN = {"marrow": [0.2, 0.0], "flc": [10.0, 10.0]}
SERUM = [
    pytest.param({"m": [4.0, 3.01]}, "SD", id="fall of less than 25 %"),
    pytest.param({"m": [4.0, 3.0]}, "MR", id="fall of exactly 25 %"),
    pytest.param({"m": [4.0, 2.01]}, "MR", id="fall of just less than 50 %"),
    pytest.param({"m": [4.0, 2.0]}, "PR", id="fall of exactly 50 %"),
    pytest.param({"m": [4.0, 0.41]}, "PR", id="fall of just less than 90 %"),
    pytest.param({"m": [4.0, 0.4]}, "VGPR", id="fall of exactly 90 %"),
    pytest.param({"m": [3.3, 0.33]}, "VGPR", id="exactly 90 % although 0.33 / 3.3 is rounded"),
    pytest.param({"m": [4.0, 0.05], **CLEAN}, "VGPR", id="at the limit of immunofixation: positive"),
    pytest.param({"m": [4.0, 0.049], **CLEAN}, "CR", id="below the limit of immunofixation"),
    pytest.param({"m": [4.0, 0.03], **CLEAN}, "CR", id="at the stringent limit"),
    pytest.param({"m": [4.0, 0.029], **CLEAN}, "sCR", id="below the stringent limit"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 0.05]}, "VGPR", id="5 % of marrow: no CR"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 0.049]}, "CR", id="less than 5 % of marrow"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 1e-3]}, "CR", id="clonal cells found: not stringent"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 9e-4]}, "sCR", id="no clonal cells found"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, NAN]}, "VGPR", id="marrow not looked at: no CR"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 0.0], "flc": 26.0}, "CR", id="FLC not normal"),
    pytest.param({"m": [4.0, 0.0], "marrow": [0.2, 0.0], "flc": NAN}, "CR", id="FLC not measured"),
    pytest.param({"m": [4.0, 4.9]}, "SD", id="rise of 22 % though more than 0.5"),
    pytest.param({"m": [1.0, 1.4]}, "SD", id="rise of 40 % though less than 0.5"),
    pytest.param({"m": [2.0, 2.5]}, "PD", id="rise of exactly 25 % and 0.5"),
    pytest.param({"m": [0.8, 1.3]}, "PD", id="exactly 0.5 although 1.3 - 0.8 may be rounded"),
    pytest.param({"m": [4.0, 0.1, 0.59]}, "PR", id="from the lowest by less than 0.5: still what is left"),
    pytest.param({"m": [4.0, 0.1, 0.6]}, "PD", id="from the lowest by 0.5: PD although 85 % below baseline"),
    pytest.param({"m": [4.0, 0.1, NAN, 0.6]}, "PD", id="the lowest value is kept over a missing one"),
    pytest.param({"m": [4.0, 4.99]}, "SD", id="lowest below 5: 24.75 % are too few"),
    pytest.param({"m": [3.9, 4.9]}, "PD", id="lowest below 5: 0.5 is enough, 25 % are"),
    pytest.param({"m": [5.0, 5.99]}, "SD", id="lowest 5: less than 1 g/dL"),
    pytest.param({"m": [5.0, 6.0]}, "PD", id="lowest 5: exactly 1 g/dL is enough, though only 20 %"),
    pytest.param({"m": [4.99, 6.0]}, "SD", id="lowest just below 5: 1 g/dL without 25 % is not"),
    pytest.param({"m": [6.0, 5.0, 6.0]}, "PD", id="from a lowest of 5 back to the baseline"),
    pytest.param({"m": [4.0, NAN]}, "NE", id="not measured"),
    pytest.param({"m": [2.0, 2.0], "flc": [20.0, 400.0]}, "SD", id="FLC rise where M-protein is measurable"),
    pytest.param(
        {"m": [2.0, 2.0], "marrow": [0.2, 0.9]}, "SD", id="marrow rise where M-protein is measurable"
    ),
    pytest.param(
        {"m": [2.0, NAN], "plasmacytoma": [0.0, 1.0]},
        "PD",
        id="a new plasmacytoma where M-protein is missing",
    ),
]
PLASMACYTOMA = [
    pytest.param({"m": [4.0, 1.0], "plasmacytoma": [4.0, 2.0]}, "PR", id="plasmacytoma halved"),
    pytest.param({"m": [4.0, 1.0], "plasmacytoma": [4.0, 2.1]}, "SD", id="plasmacytoma not halved: no PR"),
    pytest.param({"m": [4.0, 0.0], "plasmacytoma": [4.0, 0.1], **CLEAN}, "VGPR", id="one left: no CR"),
    pytest.param({"m": [4.0, 0.0], "plasmacytoma": [4.0, 0.0], **CLEAN}, "sCR", id="none left"),
    pytest.param({"m": [4.0, 0.0], "plasmacytoma": [0.0, 0.5], **CLEAN}, "PD", id="a new one"),
    pytest.param({"m": [4.0, 1.0, 1.0], "plasmacytoma": [4.0, 2.0, 2.9]}, "SD", id="grown by less than half"),
    pytest.param({"m": [4.0, 1.0, 1.0], "plasmacytoma": [4.0, 2.0, 3.0]}, "PD", id="grown by half"),
]
# dFLC of 1015 mg/L against 15 of the other chain is 1000.
CHAINS = [
    pytest.param({"m": 0.0, "flc": [1015.0, 516.0]}, "SD", id="dFLC: fall of less than 50 %, no MR by dFLC"),
    pytest.param({"m": 0.0, "flc": [1015.0, 515.0]}, "PR", id="dFLC: fall of exactly 50 %"),
    pytest.param({"m": 0.0, "flc": [1015.0, 115.0]}, "VGPR", id="dFLC: fall of exactly 90 %"),
    pytest.param({"m": 0.0, "flc": [1015.0, 116.0]}, "PR", id="dFLC: fall of just less than 90 %"),
    pytest.param({"m": 0.0, "marrow": [0.2, 0.0], "flc": [1015.0, 26.0]}, "VGPR", id="FLC not normal: no CR"),
    pytest.param({"m": 0.0, "marrow": [0.2, 0.01], "flc": [1015.0, 25.9]}, "CR", id="FLC normal: CR"),
    pytest.param({"m": 0.0, "marrow": [0.2, 0.0], "flc": [1015.0, 25.9]}, "sCR", id="and no clonal cells"),
    pytest.param({"m": 0.0, "flc": [1015.0, 15.0, 115.0]}, "VGPR", id="dFLC: rise of exactly 100 is no PD"),
    pytest.param({"m": 0.0, "flc": [1015.0, 15.0, 115.1]}, "PD", id="dFLC: rise of more than 100"),
    pytest.param({"m": 0.0, "flc": [1015.0, 1215.0]}, "SD", id="dFLC: rise of more than 100 but of 20 %"),
    pytest.param({"m": [0.0, 0.5], "flc": 515.0}, "PD", id="a new M-protein of 0.5"),
    pytest.param(
        {"m": 0.0, "flc": [515.0, 515.0], "uninvolved": [[15.0, 265.0]]},
        "PR",
        id="dFLC takes the other chain off",
    ),
]
MARROW = [
    pytest.param({"m": 0.1, "marrow": [0.3, 0.15]}, "PR", id="marrow: fall of exactly 50 %"),
    pytest.param({"m": 0.1, "marrow": [0.3, 0.16]}, "SD", id="marrow: fall of less"),
    pytest.param({"m": 0.1, "marrow": [0.3, 0.01]}, "PR", id="marrow: no VGPR"),
    pytest.param({"m": 0.0, "marrow": [0.3, 0.01]}, "CR", id="marrow: CR"),
    pytest.param({"m": 0.1, "marrow": [0.3, 0.399]}, "SD", id="marrow: rise of 9.9 points"),
    pytest.param({"m": 0.1, "marrow": [0.3, 0.4]}, "PD", id="marrow: rise of exactly 10 points"),
    pytest.param({"m": 0.1, "marrow": [0.6, 0.72]}, "SD", id="marrow: rise of 12 points but 20 %"),
    pytest.param({"m": 0.1, "marrow": [0.29, 0.01]}, "NE", id="nothing measurable"),
    pytest.param({"m": 0.1, "marrow": [0.2, 0.31]}, "PD", id="nothing measurable, yet progression"),
]


@pytest.mark.parametrize(("values", "expected"), [*SERUM, *PLASMACYTOMA, *CHAINS, *MARROW])
def test_the_response_at_the_last_visit(values, expected):
    found = codes(**values)
    assert found[0] == "NE"  # the baseline
    assert found[-1] == expected


BASELINES = [
    ({"m": [0.5, 1.0], "flc": 500.0}, 0.5, Measured.M_PROTEIN),
    ({"m": [0.5, 1.0], "flc": 500.0}, 1.0, Measured.FLC),
    ({"m": [0.49, 1.0], "flc": 100.0}, 0.5, Measured.FLC),
    ({"m": [0.49, 1.0], "flc": 99.0, "marrow": 0.3}, 0.5, Measured.MARROW),
    ({"m": [0.49, 1.0], "flc": 99.0, "marrow": 0.29}, 0.5, Measured.NOTHING),
    ({"m": [NAN, 1.0], "flc": 500.0}, 0.5, Measured.FLC),
    ({"m": [0.1, 1.0], "flc": 500.0, "uninvolved": 600.0}, 0.5, Measured.NOTHING),
]


@pytest.mark.parametrize(("values", "limit", "expected"), BASELINES)
def test_a_patient_is_followed_by_the_first_value_that_is_measurable(values, limit, expected):
    settings = ImwgSettings(measurable_m_protein=limit)
    assert measured_by(visits_of(**values), settings)[0] == expected


def test_marrow_may_be_counted_for_everybody():
    everybody = ImwgSettings(marrow_counts_for=tuple(Measured))
    assert codes(everybody, m=[2.0, 2.0], marrow=[0.2, 0.3])[-1] == "PD"
    assert codes(everybody, m=[2.0, NAN], marrow=[0.2, 0.3])[-1] == "PD"
    assert codes(everybody, m=[2.0, 2.0], marrow=[0.2, 0.29])[-1] == "SD"


def test_without_light_chains_no_cr_is_stringent():
    assert codes(m=[4.0, 0.0], marrow=[0.2, 0.0], flc=None)[-1] == "CR"


def test_the_limit_of_immunofixation_is_a_setting():
    strict = ImwgSettings(immunofixation=0.02, immunofixation_stringent=0.01)
    assert codes(strict, m=[4.0, 0.03], **CLEAN)[-1] == "VGPR"


def test_all_faults_of_the_visits_are_named_at_once():
    with pytest.raises(EndpointError) as caught:
        MyelomaVisits(
            [10.0, 5.0], np.ones((2, 2)), np.full((2, 2), 1.5), np.ones((2, 3)), plasmacytoma=-np.ones((2, 2))
        )
    named = [name for name, _ in caught.value.faults]
    assert sorted(named) == ["days", "days", "involved_flc", "marrow", "plasmacytoma"]


def test_only_the_baseline_lies_before_infusion():
    with pytest.raises(EndpointError, match="other than the baseline"):
        MyelomaVisits([-10.0, 0.0, 30.0], np.ones((1, 3)), np.ones((1, 3)))


def test_all_faults_of_the_settings_are_named_at_once():
    with pytest.raises(EndpointError) as caught:
        ImwgSettings(
            marrow_counts_for=("all",), confirmations=-1, partial=0.95, immunofixation_stringent=0.1, mrd=0.0
        )
    named = {name for name, _ in caught.value.faults}
    ranges = {"minor, partial, very_good", "immunofixation_stringent", "mrd"}
    assert named == {"confirmations", "marrow_counts_for", *ranges}


def test_curves_are_read_at_visits_by_straight_lines():
    time = np.array([-2.0, 0.0, 1.0, 4.0])
    values = np.array([[5.0, 1.0, 2.0, 8.0], [0.0, 0.0, NAN, 3.0]])
    days = [-2.0, -1.0, 0.0, 2.5, 4.0]
    found = at_visits(time, values, days)
    np.testing.assert_allclose(found[0], np.interp(days, time, values[0]))
    np.testing.assert_array_equal(found[1], [0.0, 0.0, 0.0, NAN, 3.0])
    with pytest.raises(EndpointError, match="outside day -2 to 4"):
        at_visits(time, values, [5.0])
