"""Every exception and warning of cartsim: what happened, the value, the limit and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CartsimWarning(UserWarning):
    """Something the user should know that does not stop the work."""


class CartsimError(Exception):
    """Base of all errors that cartsim raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    value, limit : object, optional
        The offending value and the bound or choice it broke.
    remedy : str, optional
        What the user can do about it.
    """

    def __init__(
        self, what: str, *, value: object = None, limit: object = None, remedy: str | None = None
    ) -> None:
        self.what, self.value, self.limit, self.remedy = what, value, limit, remedy
        parts = [what]
        if value is not None:
            parts.append(f"got: {value}")
        if limit is not None:
            parts.append(f"allowed: {limit}")
        if remedy is not None:
            parts.append(f"remedy: {remedy}")
        super().__init__("; ".join(parts))


class ModelError(CartsimError):
    """A model declaration or a call by name that the model cannot serve."""


class SolveError(CartsimError):
    """A trajectory that the solver could not deliver."""


class FitError(CartsimError):
    """A fit that cannot be set up or run as asked."""


class ResumeRefused(FitError):
    """A checkpoint that belongs to other inputs than the ones given."""


class UnitError(CartsimError):
    """A unit that is unknown, or a conversion between units of different kinds."""


class EndpointError(CartsimError):
    """Values from which no endpoint can be read; carries every fault at once as (name, what) in `faults`."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {name}: {what}" for name, what in self.faults)
        count = len(self.faults)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the values of an endpoint\n{lines}")

    def __reduce__(self) -> tuple:
        return type(self), (self.faults,)  # so that it travels back from a worker process


@dataclass(frozen=True)
class Finding:
    """One fault of an input table, located as a spreadsheet shows it.

    `row` counts from 1 and includes the header line; None where the fault is the file's.
    """

    what: str
    file: str
    row: int | None = None
    column: str | None = None
    subject: str | None = None
    value: object = None
    limit: object = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = self.file
        for label, item in (("row", self.row), ("column", self.column), ("subject", self.subject)):
            if item is not None:
                place += f", {label} {item}"
        text = f"{place}: {self.what}"
        if self.value is not None:
            text += f" (value {self.value!r})"
        if self.limit is not None:
            text += f"; allowed: {self.limit}"
        if self.remedy is not None:
            text += f"; remedy: {self.remedy}"
        return text


class DataError(CartsimError):
    """A table that cannot be read; carries every finding at once in `findings`."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        count = len(self.findings)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the input\n{lines}")

    def __reduce__(self) -> tuple:
        return type(self), (self.findings,)  # so that it travels back from a worker process


class ConfigError(CartsimError):
    """A settings file that cannot be used; carries every fault at once as (key, what) in `faults`."""

    def __init__(self, file: str, faults: Sequence[tuple[str, str]]) -> None:
        self.file, self.faults = file, tuple(faults)
        lines = "\n".join(f"  {file}, key {key}: {what}" for key, what in self.faults)
        count = len(self.faults)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the settings\n{lines}")

    def __reduce__(self) -> tuple:
        return type(self), (self.file, self.faults)  # so that it travels back from a worker process


class ReductionError(CartsimError):
    """Reductions that do not fit model or grid; carries every fault at once as (name, what) in `faults`."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  {name}: {what}" for name, what in self.faults)
        count = len(self.faults)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the reductions\n{lines}")

    def __reduce__(self) -> tuple:
        return type(self), (self.faults,)  # so that it travels back from a worker process
