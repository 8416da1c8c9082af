"""Which outputs of a model share a chart, in which order, with which colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cartsim.report.wording import quantity, unit_text
from cartsim.spec.model import Model, Output

MOST_LINES = 6
ACUTE_DAYS = 30.0
# Outputs that are read together, first the one whose band is drawn; what is not named goes by its unit.
TOGETHER: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("CAR transgene in blood", ("car_transgene",), False),
    ("CAR-T cells in blood", ("car_t", "effector_1", "effector_2", "tem", "exhausted", "treg"), False),
    ("Cytokines in serum", ("il6", "il6_signal", "ifng", "il8", "il10"), True),
    ("Body temperature", ("temperature",), True),
    ("C-reactive protein", ("crp",), True),
    ("M-protein in serum", ("m_protein",), False),
    ("Free light chain", ("free_light_chain",), False),
    ("Soluble BCMA", ("sbcma",), False),
    ("Myeloma cells", ("burden",), False),
    ("Shares", ("marrow_fraction", "exhausted_fraction"), False),
)
SHORT = {
    "car_t": "all CAR+", "effector_1": "effector 1", "effector_2": "effector 2", "tem": "memory",
    "exhausted": "exhausted", "treg": "Treg (host)", "il6_signal": "IL-6 not blocked",
    "marrow_fraction": "myeloma in marrow", "exhausted_fraction": "exhausted CAR-T",
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """One chart: outputs of one unit; `acute` ones show the first month only where the picture is longer."""

    title: str
    outputs: tuple[str, ...]
    unit: str
    log: bool
    acute: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The outputs as the legend calls them."""
        return tuple(SHORT.get(name, quantity(name)) for name in self.outputs)

    @property
    def axis(self) -> str:
        """What stands at the y axis."""
        return unit_text(self.unit) or "share" if len(self.outputs) > 1 else unit_text(self.unit)


def panels(model: Model) -> tuple[Panel, ...]:
    """All outputs of a model, each once; on a log axis unless an output may be negative."""
    left = {output.name: output for output in model.outputs}
    found = []
    for title, names, acute in TOGETHER:
        own = [left[name] for name in names if name in left]
        if len({output.unit for output in own}) == 1:
            found.append(_panel(title, own, acute))
            for output in own:
                del left[output.name]
    kinds = list(dict.fromkeys((output.unit, output.positive) for output in left.values()))
    for unit, positive in kinds:
        own = [output for output in left.values() if (output.unit, output.positive) == (unit, positive)]
        for first in range(0, len(own), MOST_LINES):
            part = own[first : first + MOST_LINES]
            found.append(_panel(_title([quantity(output.name) for output in part]), part, False))
    return tuple(found)


def _title(names: Sequence[str]) -> str:
    rest = f"{names[1]}" if len(names) == 2 else f"{len(names) - 1} more"
    return names[0] if len(names) == 1 else f"{names[0]} and {rest}"


def _panel(title: str, outputs: Sequence[Output], acute: bool) -> Panel:
    names = tuple(output.name for output in outputs)
    return Panel(title, names, outputs[0].unit, all(output.positive for output in outputs), acute)
