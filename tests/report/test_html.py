"""The page: complete, escaped, offline, and silent about single samples of real patients."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from cartsim.report.contents import SIMULATED
from cartsim.report.html import SECTIONS, Printed, render
from cartsim.report.plates import Plate
from cartsim.report.wording import number

VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Checks that every element that opens also closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} at {self.getpos()}")


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_is_well_formed(six, withheld, alone):
    for contents in (six, withheld, alone):
        checker = Balance()
        checker.feed(render(contents))
        assert checker.faults == []
        assert checker.open == []


def test_every_section_is_there_and_reachable_from_the_contents_list(six):
    page = render(six)
    for key, heading in SECTIONS:
        if key == "population":  # only where patients were fitted together
            assert f'<section id="{key}">' not in page
            continue
        assert f'<section id="{key}">' in page
        assert f'href="#{key}"' in page
        assert heading in page


def test_the_page_asks_nothing_of_the_network(six):
    page = render(six)
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page) == []
    assert "@import" not in page
    assert "url(" not in page
    assert "<script" not in page


def test_simulated_data_carry_the_banner_and_real_data_do_not(six, withheld):
    assert SIMULATED in words(render(six))
    assert "SIMULATED" not in words(render(withheld))


def test_the_short_label_is_printed_in_full(six):
    assert SIMULATED in words(render(replace(six, labels=("SIMULATED",))))


def test_every_page_warns_against_clinical_use(six, withheld):
    for contents in (six, withheld):
        assert "Not for clinical decisions" in words(render(contents))


def test_what_was_run_is_told(six):
    text = words(render(six))
    for item in ("cartsim fit fits/six_patients", "20240607", "1 min 42 s", "emcee 3.1.6", "c0ffee"):
        assert item in text


def test_gates_are_told_in_words_for_each_patient(six):
    text = words(render(six))
    assert "1 of 6 patients missed a gate : SIM-05" in text
    assert text.count("every gate passed") == 5
    assert "R-hat 1.014 for beta" in text


def test_a_run_that_passed_says_so(six):
    passed = six.gates.assign(passed=True)
    assert "Every gate passed" in words(render(replace(six, gates=passed)))


def test_warnings_come_through(six):
    text = words(render(six))
    assert all(warning in text for warning in six.warnings)


def test_the_parameter_table_has_every_column_of_every_row(six):
    text = words(render(six))
    for row in six.parameters.itertuples():
        assert row.meaning in text
        assert row.prior in text
        assert f"{number(row.median)} {number(row.lower)} to {number(row.upper)}" in text
        assert f"{row.contraction:.2f} {row.r_hat:.3f} {row.ess_bulk:,.0f} {row.ess_tail:,.0f}" in text


def test_a_parameter_the_data_did_not_inform_is_flagged(six):
    assert words(render(six)).count("not informed by the data") >= 2
    informed = six.parameters.assign(informed=True)
    assert (
        "not informed by the data" not in words(render(replace(six, parameters=informed))).split("How to")[0]
    )


def test_data_and_endpoints_are_shown(six):
    text = words(render(six))
    assert "% BLQ" in text
    assert "no row was dropped" in text
    assert "Half life" in text
    assert "61,200 (84%)" in text
    assert "20.5 [14-28]" in text


def test_tables_tell_a_screen_reader_what_heads_what(six):
    page = render(six)
    assert page.count("<table") == page.count("<thead") == page.count("<caption")
    assert "<th>" not in page


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}"])
def test_hostile_text_stays_text(six, hostile):
    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(subject=table["subject"].replace("SIM-01", hostile))

    page = render(
        replace(
            six,
            title=hostile,
            gates=renamed(six.gates),
            parameters=renamed(six.parameters).assign(meaning=hostile),
            nca=renamed(six.nca),
            data_text=hostile,
            warnings=(hostile,),
            labels=(hostile,),
            run={hostile: {hostile: hostile}},
        ),
        [Printed(Plate("a", "fits", hostile, hostile, lambda: None), b"\0" * 24)],
    )
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "{{ 7 * 7 }}" in page or "{{" not in hostile


def test_real_patients_samples_are_nowhere_on_the_page(withheld):
    mark = 7_654_321.25  # a value that nothing else on the page can have
    page = render(
        replace(
            withheld,
            observations=withheld.observations.assign(value=mark, lower=mark, upper=mark),
            gof=withheld.gof.assign(observed=mark, predicted=mark),
            nca=withheld.nca.assign(cmax=mark),
            nca_summary=withheld.nca_summary.assign(
                text=["6.12e+04 (84%)", f"20.5 [1-{number(mark)}]", "14/14 (100%)"], upper=mark
            ),
        )
    )
    for written in ("7654321", "7,654,321", number(mark)):
        assert written not in page
    assert "61,200 (84%)" in page
    assert "20.5" in page
    assert "withheld" in page


def test_a_figure_too_large_for_the_page_is_named_instead(six):
    plate = Plate("traces_01", "traces", "caption", "alt", lambda: None, subject="SIM-01")
    page = render(six, [Printed(plate, None)])
    assert "figures/traces_01.png" in page
    assert "<img" not in page


def test_empty_tables_give_a_page_that_says_what_is_missing(six):
    page = render(
        replace(
            six,
            gates=six.gates.iloc[:0],
            parameters=six.parameters.iloc[:0],
            observations=None,
            bands=None,
            gof=None,
            nca=None,
            nca_summary=None,
            data_summary=None,
            data_text="",
            warnings=(),
            traces={},
            draws={},
        )
    )
    text = words(page)
    for sentence in ("No patient was fitted", "No parameter was estimated", "No endpoints were calculated"):
        assert sentence in text
    assert "No warnings" in text


def test_the_same_contents_give_the_same_page(six):
    assert render(six) == render(six)


def test_truth_and_posterior_of_simulated_patients_stand_side_by_side(six):
    recovery = pd.DataFrame(
        {
            "subject": ["SIM-01"],
            "name": ["killing"],
            "unit": ["1/day"],
            "truth": [0.4321],
            "median": [0.5],
            "lower": [0.4],
            "upper": [0.6],
            "inside": [True],
            "contraction": [0.7],
        }
    )
    page = words(render(replace(six, recovery=recovery, recovery_text="1 of 1 intervals hold it")))
    assert "1 of 1 intervals hold it" in page
    assert "0.432" in page
    assert "Recovery" not in words(render(six))
