"""What the reader of a table tells cartsim that the table itself does not say: limits, units, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cartsim.errors import CartsimError, Finding, UnitError
from cartsim.units import canonical_unit, factor


@dataclass(frozen=True)
class ReadOptions:
    """The arguments of `read_data`, checked; see there."""

    lloq: float | Mapping[str, float] | None = None
    lod: float | Mapping[str, float] | None = None
    uloq: float | Mapping[str, float] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    convert_to: Mapping[str, str] = field(default_factory=dict)
    outputs: str | Mapping[str, str] | None = None
    only: tuple[str, ...] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    covariates: Mapping[str, str] | Sequence[str] | None = None
    drop_before: float | None = None
    drop_missing: bool = False
    signed: tuple[str, ...] = ()
    decimal: str | None = None

    def __post_init__(self) -> None:
        for name in ("lloq", "lod", "uloq"):
            limits = getattr(self, name)
            values = limits.values() if isinstance(limits, Mapping) else [limits]
            for value in values:
                if value is not None and not 0.0 < value < float("inf"):
                    raise CartsimError(f"{name}= must be positive and finite", value=value, limit="> 0")
        if self.decimal not in (None, ".", ","):
            raise CartsimError("decimal= must be a point or a comma", value=self.decimal, limit="'.' or ','")
        if isinstance(self.covariates, Mapping):
            for name, rule in self.covariates.items():
                if rule not in {"constant", "first"}:
                    raise CartsimError(
                        f"the rule for covariate {name} is unknown", value=rule, limit="'constant' or 'first'"
                    )

    def limit(self, name: str, output: str) -> float | None:
        """The `lloq`, `lod` or `uloq` given for an output, in its canonical unit."""
        limits = getattr(self, name)
        if isinstance(limits, Mapping):
            limits = limits.get(output)
        return None if limits is None else float(limits)


class Collector:
    """Gathers the findings of one reading; the same fault in many rows is one finding with a count."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[object, tuple[Finding, int]] = {}

    def add(self, what: str, *, key: object = None, **place: object) -> None:
        """Note a fault; faults with the same `key` are counted as one."""
        finding = Finding(what, self.file, **place)
        identity = key if key is not None else (len(self._found), what)
        first, count = self._found.get(identity, (finding, 0))
        self._found[identity] = (first, count + 1)

    def extend(self, findings: Sequence[Finding]) -> None:
        """Note faults found elsewhere."""
        for finding in findings:
            self._found[(len(self._found), finding.what)] = (finding, 1)

    @property
    def findings(self) -> list[Finding]:
        """All faults, in the order of the file."""
        from dataclasses import replace

        merged = [
            finding if count == 1 else replace(finding, what=f"{finding.what} ({count} rows, first given)")
            for finding, count in self._found.values()
        ]
        return sorted(merged, key=lambda finding: finding.row or 0)


class UnitTable:
    """The unit each output is held in, and the factors that lead there; the only place that converts."""

    def __init__(self, options: ReadOptions, findings: Collector) -> None:
        self._options = options
        self._findings = findings
        self._target: dict[str, str] = {}
        self.converted: dict[tuple[str, str, str], int] = {}

    def scale(
        self, output: str, unit: str, *, row: int, column: str, subject: str, argument: str = ""
    ) -> float | None:
        """Factor from a row's unit to the output's; None (and a finding) where there is none.

        `argument` is the name under which `units=` may give the unit, by default the output's own.
        """
        argument = argument or output
        declared = unit or self._options.units.get(argument, "")
        place = {"row": row, "column": column, "subject": subject}
        if not declared:
            self._findings.add(
                f"{output} has no unit",
                key=("no unit", output),
                **place,
                limit="such as copies/ug, cells/uL, pg/mL, cells, mg",
                remedy=f"fill the unit column, or give units={{'{argument}': '...'}}",
            )
            return None
        try:
            target = self._target.setdefault(
                output, self._options.convert_to.get(output) or canonical_unit(declared)
            )
            scale = factor(declared, target)
        except UnitError as fault:
            self._findings.add(
                fault.what,
                key=("unit", output, declared),
                **place,
                value=declared,
                limit=fault.limit,
                remedy=fault.remedy,
            )
            return None
        if scale != 1.0:
            self.converted[output, declared, target] = self.converted.get((output, declared, target), 0) + 1
        return scale

    def of(self, output: str) -> str:
        """The unit an output is held in."""
        return self._target.get(output, "")
