"""Best response, confirmation, progression, PFS and summaries of courses worked by hand."""

import numpy as np
import pytest

from cartsim.endpoints.imwg import imwg_response
from cartsim.endpoints.imwg_rules import ImwgSettings, Response
from cartsim.endpoints.progression import duration_of_response, progression_free
from cartsim.endpoints.visits import MyelomaVisits
from cartsim.errors import EndpointError

NAN = np.nan
DAYS = [-3.0, 30.0, 60.0, 90.0, 120.0]
# M-protein; marrow 20 % at all visits keeps CR away.
HELD = [4.0, 2.0, 1.0, 0.4, 0.3]  # PR PR VGPR VGPR
LAST = [4.0, 2.0, 2.0, 2.0, 0.2]  # PR PR PR VGPR
ONCE = [4.0, 0.3, 3.5, 3.5, 3.5]  # VGPR, then PD (from 0.3)
DIP = [4.0, 1.9, 2.1, 2.1, 2.1]  # PR, MR, MR, MR
GAP = [4.0, 2.0, NAN, 1.9, NAN]  # PR . PR .
RELAPSE = [4.0, 2.0, 2.0, 3.0, 0.1]  # PR PR PD VGPR
WORSE = [2.0, 3.0, 3.5, 4.0, 5.0]  # PD throughout
STABLE = [4.0, 3.5, 4.2, 3.9, 4.0]  # SD
UNSEEN = [4.0, NAN, NAN, NAN, NAN]
FLARE = [4.0, 5.1, 2.0, 1.0, 1.0]  # PD once, then PR
COURSES = [HELD, LAST, ONCE, DIP, GAP, RELAPSE, WORSE, STABLE, UNSEEN, FLARE]


def judge(*courses, marrow=0.2, death=None, **settings):
    m_protein = np.array(courses)
    marrow = np.broadcast_to(np.asarray(marrow, float), m_protein.shape)
    visits = MyelomaVisits(DAYS, m_protein, marrow, np.full(m_protein.shape, 10.0))
    return imwg_response(visits, death_day=death, settings=ImwgSettings(**settings))


def labels(codes):
    return [Response(code).label for code in codes]


TABLE = [  # course, confirmations, best, first response, progression
    pytest.param(HELD, 1, "VGPR", 30.0, NAN, id="a VGPR seen twice"),
    pytest.param(HELD, 2, "PR", 30.0, NAN, id="asked for thrice, VGPR seen twice is PR"),
    pytest.param(LAST, 1, "PR", 30.0, NAN, id="a VGPR at the last visit is not confirmed"),
    pytest.param(LAST, 0, "VGPR", 30.0, NAN, id="unless no confirmation is asked for"),
    pytest.param(ONCE, 1, "SD", NAN, 60.0, id="a VGPR lost at the next visit"),
    pytest.param(ONCE, 0, "VGPR", 30.0, 60.0, id="the same, unconfirmed"),
    pytest.param(DIP, 1, "MR", NAN, NAN, id="a PR followed by MR is MR"),
    pytest.param(GAP, 1, "PR", 30.0, NAN, id="a missing visit lies between, the next confirms"),
    pytest.param(RELAPSE, 1, "PR", 30.0, 90.0, id="a better response after progression is not counted"),
    pytest.param(RELAPSE, 0, "PR", 30.0, 90.0, id="nor is it unconfirmed"),
    pytest.param(WORSE, 1, "PD", NAN, 30.0, id="progression is all there is"),
    pytest.param(STABLE, 1, "SD", NAN, NAN, id="stable disease needs no confirmation"),
    pytest.param(UNSEEN, 1, "NE", NAN, NAN, id="never seen again"),
    pytest.param(FLARE, 1, "PD", NAN, 30.0, id="the first PD ends it"),
]


@pytest.mark.parametrize(("course", "confirmations", "best", "response", "progression"), TABLE)
def test_a_course_worked_by_hand(course, confirmations, best, response, progression):
    found = judge(course, confirmations=confirmations)
    assert labels(found.best) == [best]
    np.testing.assert_array_equal(
        [found.first_response_day[0], found.progression_day[0]], [response, progression]
    )


def one_visit(value, baseline, lowest):
    """The rules for M-protein, said once more for one number."""
    if np.isnan(value):
        return "NE"
    rise = value - lowest
    if rise >= 1.0 if lowest >= 5.0 else (rise >= 0.25 * lowest and rise >= 0.5):
        return "PD"
    fall = 100.0 * (1.0 - value / baseline)
    return next((name for name, least in (("VGPR", 90), ("PR", 50), ("MR", 25)) if fall >= least), "SD")


def one_patient(course, confirmations):
    """Best response and days of first response and progression, visit by visit."""
    order = ["NE", "PD", "SD", "MR", "PR", "VGPR"]
    seen = []
    for visit in range(1, len(course)):
        response = one_visit(course[visit], course[0], np.nanmin(course[:visit]))
        if response != "NE":
            seen.append((DAYS[visit], response))
        if response == "PD":
            break
    held, first = [], NAN
    for k, (day, response) in enumerate(seen):
        window = [order.index(name) for _, name in seen[k : k + confirmations + 1]]
        window += [order.index("SD")] * (confirmations + 1 - len(window))
        if response != "PD":
            held.append(max(min(window), order.index("SD")))
            if held[-1] >= order.index("PR") and np.isnan(first):
                first = day
    progressed = bool(seen) and seen[-1][1] == "PD"
    best = order[max(held)] if held else ("PD" if progressed else "NE")
    return best, first, seen[-1][0] if progressed else NAN


@pytest.mark.parametrize("confirmations", [0, 1, 2])
def test_random_courses_agree_with_the_rules_followed_visit_by_visit(confirmations):
    rng = np.random.default_rng(11)
    courses = np.exp(rng.normal(0.0, 1.2, (400, len(DAYS))))  # no value lies on a limit
    courses[:, 0] = rng.uniform(0.6, 8.0, 400)
    courses[:, 1:][rng.random((400, len(DAYS) - 1)) < 0.25] = NAN
    found = judge(*courses, confirmations=confirmations)
    wanted = [one_patient(course, confirmations) for course in courses]
    assert labels(found.best) == [best for best, _, _ in wanted]
    np.testing.assert_array_equal(found.first_response_day, [first for _, first, _ in wanted])
    np.testing.assert_array_equal(found.progression_day, [day for _, _, day in wanted])
    assert {"NE", "PD", "SD", "MR", "PR"} <= {best for best, _, _ in wanted}


def test_patients_are_judged_alike_alone_and_together():
    together = judge(*COURSES)
    for patient, course in enumerate(COURSES):
        alone = judge(course)
        np.testing.assert_array_equal(together.response[patient], alone.response[0])
        assert together.best[patient] == alone.best[0]


def test_the_responses_of_each_visit_are_kept_unconfirmed_and_confirmed():
    found = judge(LAST, RELAPSE)
    assert labels(found.response[0]) == ["NE", "PR", "PR", "PR", "VGPR"]
    assert labels(found.confirmed[0]) == ["NE", "PR", "PR", "PR", "SD"]
    assert labels(found.response[1]) == ["NE", "PR", "PR", "PD", "VGPR"]


def test_progression_may_be_asked_to_be_confirmed():
    found = judge(FLARE, RELAPSE, WORSE, pd_confirmations=1)
    np.testing.assert_array_equal(found.progression_day, [NAN, NAN, 30.0])
    assert labels(found.best) == ["PR", "PR", "PD"]
    np.testing.assert_array_equal(found.first_response_day, [60.0, 30.0, NAN])


def test_progression_at_the_last_visit_cannot_be_confirmed():
    found = judge([4.0, NAN, NAN, NAN, 6.0], pd_confirmations=1)
    assert np.isnan(found.progression_day[0])
    assert labels(found.best) == ["NE"]


def test_the_depth_is_the_lowest_share_before_progression():
    np.testing.assert_allclose(judge(HELD, RELAPSE, WORSE).depth, [0.075, 0.5, NAN])


def test_visits_after_death_are_not_evaluable():
    found = judge(HELD, death=[60.0])
    assert labels(found.response[0]) == ["NE", "PR", "PR", "NE", "NE"]
    assert labels(found.best) == ["PR"]
    assert found.last_evaluable_day[0] == 60.0


def test_mrd_is_of_those_with_marrow_and_before_progression():
    marrow = [
        [0.2, 0.0, 0.0, 0.0, 0.0],
        [0.2, 1e-5, 1e-5, 1e-5, 1e-5],
        [0.2, 9e-6, NAN, NAN, NAN],
        [0.2, NAN, NAN, NAN, NAN],
        [0.2, 0.1, 0.1, 0.3, 0.0],
    ]
    found = judge(HELD, HELD, HELD, HELD, RELAPSE, marrow=marrow)
    assert found.mrd_assessed.tolist() == [True, True, True, False, True]
    assert found.mrd_negative.tolist() == [True, False, True, False, False]
    summary = found.summary().set_index("item")
    assert summary.loc["MRD < 1e-05, of assessed", ["count", "total"]].tolist() == [2, 4]
    assert summary.loc["MRD < 1e-05, of all", ["count", "total"]].tolist() == [2, 5]


def test_progression_free_survival_counts_death_and_is_censored_at_the_last_visit():
    #          progression  death first  death after all visits  censored  gap: day 90  never seen
    courses = [RELAPSE, RELAPSE, HELD, HELD, GAP, UNSEEN]
    found = progression_free(judge(*courses, death=[200.0, 45.0, 400.0, NAN, NAN, NAN]))
    assert found.time.tolist() == [90.0, 45.0, 400.0, 120.0, 90.0, 0.0]
    assert found.event.tolist() == [True, True, True, False, False, False]


def test_duration_of_response_is_of_responders_from_their_first_response():
    found = duration_of_response(judge(STABLE, RELAPSE, HELD, HELD, death=[NAN, NAN, NAN, 150.0]))
    assert found.patient.tolist() == [1, 2, 3]
    assert found.time.tolist() == [60.0, 90.0, 120.0]
    assert found.event.tolist() == [True, False, True]


def test_two_progressions_of_six_give_the_step_of_the_trial():
    row = progression_free(judge(RELAPSE, RELAPSE, HELD, HELD, HELD, HELD)).kaplan_meier().at(100.0).iloc[0]
    found = row[["survival", "lower", "upper"]].tolist()
    assert found == pytest.approx([0.6667, 0.1946, 0.9044], abs=5e-5)


def test_the_summary_counts_those_with_measurable_disease():
    clean = [0.2, 0.0, 0.0, 0.0, 0.0]
    gone = [4.0, 0.0, 0.0, 0.0, 0.0]
    marrow = [clean, [0.2] * 5, [0.2] * 5, [0.2] * 5, [0.2] * 5]
    found = judge(gone, HELD, STABLE, UNSEEN, [0.1] * 5, marrow=marrow)
    summary = found.summary().set_index("item")
    counts = {
        "ORR (PR or better)": 2,
        "VGPR or better": 2,
        "CR or better": 1,
        "sCR": 1,
        "best response SD": 1,
        "best response NE": 1,
        "best response sCR": 1,
    }
    assert summary.loc[list(counts), "count"].to_dict() == counts
    assert (summary.loc[list(counts), "total"] == 4).all()
    assert summary.loc["not measurable", "text"].startswith("1/5")
    # Two of four: the exact limits are where the tails of the binomial hold 2.5 %.
    assert summary.loc["ORR (PR or better)", ["lower", "upper"]].tolist() == pytest.approx(
        [0.0676, 0.9324], abs=5e-5
    )


def test_the_tables_have_a_row_a_patient_and_a_row_a_visit():
    found = judge(HELD, RELAPSE, UNSEEN)
    table = found.table()
    assert table["best_response"].tolist() == ["VGPR", "PR", "NE"]
    assert table["measured_by"].tolist() == ["m_protein"] * 3
    by_visit = found.by_visit().set_index("day")
    assert by_visit.loc[90.0, ["evaluable", "PD", "VGPR"]].tolist() == [2, 1, 1]
    assert by_visit.loc[-3.0, "evaluable"] == 0


def test_all_faults_of_the_deaths_are_named():
    with pytest.raises(EndpointError) as caught:
        judge(HELD, STABLE, death=[-1.0])
    assert len(caught.value.faults) == 2
