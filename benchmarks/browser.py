"""A headless Chromium that logs every request, what it prints and when its canvases were last drawn.

Needs Debian's `chromium` and `chromium-driver` (or their like on the PATH) and selenium.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
# Charting libraries draw lines on canvases by stroke(): a redraw is done when the last one in view is
# (a third of the chart at least).
WATCH = """
window.drawn = 0; window.pressed = 0;
const stroke = CanvasRenderingContext2D.prototype.stroke;
CanvasRenderingContext2D.prototype.stroke = function (...all) {
  const box = this.canvas.getBoundingClientRect();
  const seen = Math.min(box.bottom, window.innerHeight) - Math.max(box.top, 0);
  if (seen > box.height / 3) window.drawn = performance.now();
  return stroke.apply(this, all);
};
window.addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
"""


def found() -> tuple[str, str] | None:
    """Paths of browser and driver; None where one is missing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = next(filter(None, map(shutil.which, DRIVERS)), None)
    return (browser, driver) if browser and driver else None


@contextmanager
def chromium(*, width: int = 1440, height: int = 1000) -> Iterator[Chrome]:
    """A new browser with an empty profile."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    paths = found()
    if paths is None:
        raise RuntimeError(f"needs one of {', '.join(BROWSERS)} and {', '.join(DRIVERS)} on the PATH")
    options = ChromeOptions()
    options.binary_location = paths[0]
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=ChromeService(executable_path=paths[1]))
        try:
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            yield driver
        finally:
            driver.quit()


def requests(driver: Chrome) -> list[tuple[str, str, int]]:
    """(address, type, bytes received) of all requests since the last call, sockets included."""
    asked: dict[str, tuple[str, str]] = {}
    size: dict[str, int] = {}
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        what, content = message["method"], message["params"]
        if what == "Network.requestWillBeSent":
            asked[content["requestId"]] = (content["request"]["url"], content.get("type", ""))
        elif what == "Network.webSocketCreated":
            asked[content["requestId"]] = (content["url"], "WebSocket")
        elif what == "Network.loadingFinished":
            size[content["requestId"]] = int(content["encodedDataLength"])
    return [(address, kind, size.get(key, 0)) for key, (address, kind) in asked.items()]


def elsewhere(asked: list[tuple[str, str, int]]) -> list[str]:
    """Addresses that are not of this machine; data: and blob: need no network."""
    places = [(address, urlsplit(address)) for address, _, _ in asked]
    outside = [a for a, p in places if p.scheme not in ("data", "blob") and p.hostname != "127.0.0.1"]
    return [address for address in outside if not address.startswith("chrome://")]


def redraw_milliseconds(driver: Chrome, key: str, *, quiet: float = 0.4) -> float:
    """Press a key where the focus is; milliseconds from there to the last line drawn on any canvas."""
    import time

    from selenium.webdriver import ActionChains

    ActionChains(driver).send_keys(key).perform()
    time.sleep(quiet)
    while driver.execute_script("return performance.now() - window.drawn") < 1000.0 * quiet / 2:
        time.sleep(quiet / 4)
    return float(driver.execute_script("return window.drawn - window.pressed"))


@contextmanager
def page(target: str, *, seconds: float = 400.0) -> Iterator[str]:
    """`cartsim explore TARGET` in a process of its own; gives its address once it is served.

    Raises RuntimeError with what it printed where it ends before.
    """
    import os
    import subprocess
    import sys
    import time
    from pathlib import Path

    root = str(Path(__file__).resolve().parent.parent)
    # NiceGUI behaves otherwise where it believes itself under test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
    code = "from cartsim.cli.app import main; main()"
    call = [sys.executable, "-c", code, "explore", target, "--port", "0", "--no-browser"]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(call, env=environment, stdout=said, stderr=subprocess.STDOUT, cwd=root)
        try:
            begin = time.perf_counter()
            while "http://" not in _text(said):
                if process.poll() is not None or time.perf_counter() - begin > seconds:
                    raise RuntimeError(f"no page of {target}: {_text(said)}")
                time.sleep(0.1)
            address = "http://" + _text(said).split("http://")[1].split()[0]
            _answering(address, seconds)
            yield address
            wrong = [line for line in _text(said).splitlines() if "Traceback" in line or "Error" in line]
            if wrong:
                raise RuntimeError(f"the page of {target} printed: {_text(said)}")
        finally:
            process.terminate()
            process.wait(10)


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _answering(address: str, seconds: float) -> None:
    import time
    from urllib.error import URLError
    from urllib.request import urlopen

    begin = time.perf_counter()
    while True:
        try:
            with urlopen(address, timeout=10):
                return
        except URLError:
            if time.perf_counter() - begin > seconds:
                raise
            time.sleep(0.1)


def loaded(driver: Chrome, address: str, *, seconds: float = 30.0) -> None:
    """Open the page and wait until all its charts are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(address)
    ready = (
        "const charts = [...document.querySelectorAll('.nicegui-echart')];"
        "const drawn = charts.every(c => getElement(c.id.slice(1))?.chart);"
        "return charts.length > 0 && drawn && window.socket?.connected;"
    )
    WebDriverWait(driver, seconds).until(lambda d: d.execute_script(ready))


def focus(driver: Chrome, name: str) -> None:
    """Put the keyboard's focus on the slider of a control."""
    driver.execute_script("document.querySelector(`[data-name=${arguments[0]}] [tabindex]`).focus()", name)
