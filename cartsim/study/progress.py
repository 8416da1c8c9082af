"""The progress bar of a fit: patients done, steps sampled, time left; each patient's gates once known."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Bar:
    """A `pool.Watcher` on the terminal; without a terminal only the finished patients are printed.

    A patient stops when its gates are met, so the total is the steps planned so far: the next look at the
    gates of those at work, `first_look` for those that have not begun.
    """

    def __init__(self, patients: int, first_look: int, say: Callable[[str], None]) -> None:
        self.steps = [(0, first_look)] * patients
        self.finished = 0
        self._say = say
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._row = self._bar.add_task(self._label(), total=first_look * patients)

    def advance(self, index: int, done: int, planned: int) -> None:
        self.steps[index] = done, planned
        done_all, planned_all = (sum(column) for column in zip(*self.steps, strict=True))
        self._bar.update(self._row, completed=done_all, total=planned_all)

    def finish(self, index: int, result: Any) -> None:
        self.finished += 1
        self._bar.update(self._row, description=self._label())
        self.announce(f"{result.subject}: {'' if result.passed else 'GATE MISSED: '}{result.line}")

    def announce(self, text: str) -> None:
        """Say one finished patient's line."""
        if self._bar.disable:
            self._say(text)
        else:
            self._bar.console.print(text, highlight=False)

    def _label(self) -> str:
        return f"{self.finished} of {len(self.steps)} patients"

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class Tally(Bar):
    """The same bar without a line for each that is done: there are hundreds."""

    def announce(self, text: str) -> None:
        """Nothing to say."""


class Silent:
    """A `pool.Watcher` that says nothing."""

    def advance(self, index: int, done: int, planned: int) -> None:
        """Nothing to show."""

    def finish(self, index: int, result: Any) -> None:
        """Nothing to show."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""
