"""How long from a slider's move to the last curve in view, in a real browser?

python -m benchmarks.explore            about three minutes
python -m benchmarks.explore --quick    one model, three moves, to see that it runs

Needs `pip install 'cartsim[explore]' selenium` and Debian's chromium and chromium-driver. One key press moves
the slider one of its 200 steps; the clock runs in the browser from the press to the last line drawn on a
canvas of which a third is in view. The browser draws without a graphics card and on the cores of the server.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from benchmarks.browser import chromium, elsewhere, focus, loaded, page, redraw_milliseconds, requests
from benchmarks.record import RESULTS, head, setting, table, write

# What is opened, and the slider that is moved.
TARGETS = {
    "bcma_myeloma": "dose",
    "fits/six_patients_mechanistic": "dose",
    "fits/six_patients": "until",
    "kimmel2021": "dose",
}
GOAL = 100.0  # ms
WARM_UP = 5  # moves; the browser compiles what it runs often
SERVER = re.compile(r"(\d+) ms")
ROOT = Path(__file__).resolve().parent.parent


def measure(target: str, slider: str, moves: int) -> dict[str, object]:
    """One page: milliseconds of every move, of the server's part of it, and what the page loaded."""
    folder = (ROOT / target).is_dir()
    with page(str(ROOT / target) if folder else target) as address, chromium() as driver:
        loaded(driver, address)
        asked = requests(driver)
        focus(driver, slider)
        total, server = [], []
        for k in range(WARM_UP + moves):
            taken = redraw_milliseconds(
                driver, KEYS[k % 2 if k < WARM_UP else int(k >= WARM_UP + moves // 2)]
            )
            said = driver.execute_script("return document.querySelector('[data-role=status]').innerText")
            if k >= WARM_UP:
                total.append(taken)
                server.append(float(SERVER.search(said)[1]))
        charts = driver.execute_script("return document.querySelectorAll('.nicegui-echart').length")
    return {
        "target": target,
        "slider": slider,
        "charts": charts,
        "redraw": middle(total),
        "server": middle(server),
        "under_goal": float(np.mean(np.array(total) < GOAL)),
        "requests": len(asked),
        "megabytes": round(sum(size for _, _, size in asked) / 1e6, 2),
        "elsewhere": elsewhere(asked),
    }


# The arrow keys, as WebDriver writes them.
KEYS = ("\ue012", "\ue014")


def middle(values: list[float]) -> list[float]:
    """Median, lowest, highest."""
    return [float(f"{value:.3g}") for value in (np.median(values), min(values), max(values))]


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("From a slider's move to the curves", result)
    lines += [
        (
            f"Milliseconds, median of {result['moves']} moves (lowest-highest); the goal is {GOAL:g}. "
            "`server`: solving and making the charts' data; the rest is the browser and the way between."
        ),
        "",
    ]
    rows = [
        (
            item["target"],
            item["charts"],
            _words(item["redraw"]),
            _words(item["server"]),
            f"{item['under_goal']:.0%}",
            item["requests"],
            item["megabytes"],
            len(item["elsewhere"]),
        )
        for item in result["pages"]
    ]
    names = (
        "page",
        "charts",
        "redraw",
        "server",
        "under the goal",
        "requests",
        "MB loaded",
        "not from 127.0.0.1",
    )
    return lines + table(names, rows)


def _words(values: list[float]) -> str:
    return f"{values[0]:.0f} ({values[1]:.0f}-{values[2]:.0f})"


def main(arguments: list[str] | None = None) -> None:
    """Measure, write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="one model, three moves, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    targets = {"kimmel2021": "dose"} if options.quick else TARGETS
    moves = 3 if options.quick else options.moves
    result = {"setting": setting(["nicegui", "selenium"]), "moves": moves, "pages": []}
    for target, slider in targets.items():
        result["pages"].append(measure(target, slider, moves))
        print(result["pages"][-1], flush=True)
    write(options.out, "explore", result, markdown(result))
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
