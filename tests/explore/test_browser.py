"""The page in a real browser: controls move curves, nothing is loaded from elsewhere, faults are said.

Needs nicegui, selenium, and Debian's chromium and chromium-driver; run with
`pytest -m slow tests/explore/test_browser.py`.
"""

import re
import time

import pytest

from benchmarks.browser import chromium, elsewhere, focus, found, loaded, page, requests

pytest.importorskip("nicegui", exc_type=ImportError)
pytest.importorskip("selenium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(found() is None, reason="needs chromium and chromedriver on the PATH"),
]

ARROW_LEFT, ARROW_RIGHT, PAGE_UP, PAGE_DOWN = "\ue012", "\ue014", "\ue00e", "\ue00f"
# A model whose state is infinite on day 1 / k.
RUNAWAY = '''
"""A population that runs away. Made up."""
from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import LogNormal

SOURCE = Source("made up", population="none")
STATES = (State("cells", "cells", "cells", initial=1.0),)
PARAMETERS = (Parameter("k", "1/cells/day", "growth", LogNormal(1e-3, 3.0), SOURCE),)
OUTPUTS = (Output("cells_seen", "cells", "cells"),)


def rhs(t, y, p):
    return dict(cells=p.k * y.cells * y.cells)


def outputs(t, y, p):
    return dict(cells_seen=y.cells)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, horizon=100.0)
'''


def text(driver, selector: str) -> str:
    return driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)


def curve(driver, chart: int, name: str) -> list[float]:
    """What a chart shows of an output."""
    return driver.execute_script(
        "const element = document.querySelectorAll('.nicegui-echart')[arguments[0]];"
        "return getElement(element.id.slice(1)).chart.getOption().dataset[0].source[arguments[1]]",
        chart,
        name,
    )


def press(driver, control: str, key: str, times: int = 1) -> None:
    from selenium.webdriver import ActionChains

    focus(driver, control)
    for _ in range(times):
        ActionChains(driver).send_keys(key).perform()


def until(driver, condition, seconds: float = 20.0):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds, poll_frequency=0.05).until(lambda _: condition())


def complaints(driver) -> list[str]:
    """What the console said at the level of errors."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def flagship():
    with page("bcma_myeloma") as address, chromium() as driver:
        loaded(driver, address)
        yield driver


def test_first_screen_says_what_it_is_and_what_it_is_not_for(flagship):
    assert flagship.title == "BCMA CAR-T cells, cytokine release and myeloma – cartsim explore"
    note = flagship.find_element("css selector", "[role=note]")
    assert "Research use only" in note.text
    assert "no clinical decisions" in note.text
    assert note.location["y"] < 200
    names = flagship.execute_script(
        "return [...document.querySelectorAll('.q-slider')].map(e => e.dataset.name)"
    )
    assert {"dose", "burden", "toci_day", "toci_after", "fever_limit"} == set(names)


def test_everything_came_from_this_machine_and_nothing_went_wrong(flagship):
    asked = requests(flagship)
    assert any(kind == "WebSocket" for _, kind, _ in asked)
    assert len(asked) > 20
    assert elsewhere(asked) == []
    assert complaints(flagship) == []


def test_the_dose_slider_moves_curves_and_its_number(flagship):
    before, said = curve(flagship, 1, "car_t"), text(flagship, "body")
    press(flagship, "dose", ARROW_LEFT, 30)
    until(flagship, lambda: max(curve(flagship, 1, "car_t")) < 0.9 * max(before))
    assert "4.50 × 10⁸ cells" in said
    assert "4.50 × 10⁸ cells" not in text(flagship, "body")
    assert re.search(r"none failed · \d+ ms", text(flagship, "[data-role=status]"))
    press(flagship, "dose", ARROW_RIGHT, 30)


def test_charts_out_of_view_follow_too(flagship):
    last = flagship.execute_script("return document.querySelectorAll('.nicegui-echart').length") - 1
    before = curve(flagship, last, "marrow_fraction")
    press(flagship, "burden", ARROW_RIGHT, 10)
    until(flagship, lambda: curve(flagship, last, "marrow_fraction")[0] > before[0])


def choose(driver, name: str, word: str) -> None:
    """Click a word of a row of buttons, or of a list that is opened first."""
    driver.execute_script("document.querySelector(`[data-name=${arguments[0]}]`).scrollIntoView()", name)
    row = driver.find_element("css selector", f"[data-name={name}]")
    if "q-btn-toggle" not in (row.get_attribute("class") or ""):
        row.click()
        row = until(driver, lambda: next(iter(driver.find_elements("css selector", ".q-menu")), None))
    found_word = until(
        driver,
        lambda: next((e for e in row.find_elements("xpath", ".//*") if e.text.strip() == word), None),
    )
    found_word.click()


def test_another_product_changes_response_grades_and_dose(flagship):
    before = text(flagship, "body")
    response = before[before.index("Best response") :]
    choose(flagship, "product", "slow (cilta-cel-like)")
    until(flagship, lambda: "5.62 × 10⁷ cells" in text(flagship, "body"))

    def answered() -> bool:
        now = text(flagship, "body")
        return now[now.index("Best response") :] != response

    until(flagship, answered)
    assert "typical patient: day" in text(flagship, "body")


def test_a_slider_that_does_not_matter_is_hidden_until_it_does(flagship):
    assert not flagship.find_element("css selector", "[data-name=toci_day]").is_displayed()
    choose(flagship, "tocilizumab", "on a day")
    until(flagship, lambda: flagship.find_element("css selector", "[data-name=toci_day]").is_displayed())
    assert complaints(flagship) == []


def test_values_that_cannot_be_solved_are_said_and_the_page_goes_on(tmp_path):
    model = tmp_path / "runaway.py"
    model.write_text(RUNAWAY, encoding="utf-8")
    with page(str(model)) as address, chromium() as driver:
        loaded(driver, address)
        assert "1 solve, none failed" in text(driver, "[data-role=status]")
        press(driver, "k", PAGE_UP, 20)  # ten steps each: to the end, k = 0.14, infinite on day 7
        until(driver, lambda: "1 failed" in text(driver, "[data-role=status]"))
        assert "could not be solved" in text(driver, "body")
        assert curve(driver, 0, "cells_seen") == []
        press(driver, "k", PAGE_DOWN, 20)
        until(driver, lambda: "none failed" in text(driver, "[data-role=status]"))
        assert len(curve(driver, 0, "cells_seen")) > 50
        assert complaints(driver) == []


def test_a_fit_shows_each_patients_samples(project):
    with page(str(project / "fits" / "six_patients")) as address, chromium() as driver:
        loaded(driver, address)
        assert "Patient" in text(driver, "body")
        before = curve(driver, 0, "car_transgene")
        choose(driver, "patient", "SIM-3")
        until(driver, lambda: curve(driver, 0, "car_transgene") != before)
        time.sleep(0.5)
        dots = driver.execute_script(
            "const element = document.querySelector('.nicegui-echart');"
            "const series = getElement(element.id.slice(1)).chart.getOption().series;"
            "return series.find(s => s.id === 'samples').data.length"
        )
        assert dots > 5
        assert "SIMULATED" in text(driver, "body")
        assert elsewhere(requests(driver)) == []
