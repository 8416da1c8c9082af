"""The report as one HTML page that needs no network: tables, sentences and embedded figures."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from cartsim.report.contents import ReportContents
from cartsim.report.plates import Plate
from cartsim.report.tables import Grid, by_parameter, endpoint_grid, grid, parameter_rows

TEMPLATES = ("report.html", "trial.html", "parts.html", "style.html")
SECTIONS = (
    ("result", "Result of the run"),
    ("fits", "Fit by patient"),
    ("parameters", "Parameters"),
    ("population", "Population"),
    ("data", "Data"),
    ("nca", "Cellular-kinetics endpoints (NCA)"),
    ("diagnostics", "Diagnostics"),
    ("identifiability", "Identifiability and priors"),
    ("run", "What was run"),
    ("reading", "How to read this report"),
)
DIAGNOSIS = {  # folded tables of the section, by the name of their CSV file
    "precision": "Expected precision at the best fit (SD in log or logit units, RSE in %)",
    "intervals": "Profile intervals (95%), open ends marked",
    "contraction": "Contraction and overlap of prior and posterior",
    "power_scaling": "Sensitivity to prior and likelihood",
    "leave_one_out_totals": "PSIS-LOO and WAIC by patient",
    "prior_counts": "Prior predictive counts",
}
MANY = 12  # patients past which the long tables are folded
FIGURES = (
    "fits",
    "parameters",
    "population",
    "goodness",
    "diagnostics",
    "traces",
    "corner",
    "identifiability",
    "profiles",
)


@dataclass(frozen=True)
class Printed:
    """A figure as drawn: the plate and its PNG, or None where the page would grow too large."""

    plate: Plate
    png: bytes | None

    @property
    def source(self) -> Markup:
        """The picture as a data address that needs no file and no network."""
        return Markup("data:image/png;base64,") + base64.b64encode(self.png or b"").decode("ascii")

    @property
    def width(self) -> int:
        """Width in pixels, from the PNG's header (bytes 16-19)."""
        return struct.unpack(">I", (self.png or b"")[16:20])[0]

    @property
    def height(self) -> int:
        """Height in pixels, from the PNG's header (bytes 20-23)."""
        return struct.unpack(">I", (self.png or b"")[20:24])[0]


def render(contents: ReportContents, figures: Sequence[Printed] = ()) -> str:
    """Give the page as text.

    Parameters
    ----------
    contents : ReportContents
    figures : sequence of Printed
        In reading order; each goes to its plate's section.
    """
    rows = parameter_rows(contents.parameters, contents.gate_limits)
    gates = [
        {"subject": str(row.subject), "passed": bool(row.passed), "line": str(row.line)}
        for row in contents.gates.itertuples(index=False)
    ]
    sections = {
        section: [figure for figure in figures if figure.plate.section == section] for section in FIGURES
    }
    by_patient, over_patients = _endpoints(contents)
    return (
        environment()
        .get_template("report.html")
        .render(
            contents=contents,
            toc=[item for item in SECTIONS if item[0] != "population" or contents.population is not None],
            banners=contents.banners,
            paragraphs=_paragraphs(contents.description),
            gates=gates,
            missed=[gate["subject"] for gate in gates if not gate["passed"]],
            uninformed=[row for row in rows if not row.informed],
            rows=rows,
            groups=by_parameter(rows),
            many=len(gates) > MANY,
            single=len({row.subject for row in rows}) == 1,
            data=None if contents.data_summary is None else grid(contents.data_summary),
            recovery=None if contents.recovery is None else grid(contents.recovery),
            nca=by_patient,
            nca_summary=over_patients,
            figures=sections,
            population=None if contents.population is None else grid(contents.population.parameters),
            diagnosis=[
                (heading, grid(contents.diagnosis[name]))
                for name, heading in DIAGNOSIS.items()
                if name in contents.diagnosis
            ],
            run=_flat(contents.run),
        )
    )


def environment() -> Environment:
    """Templates shipped beside this file; every value is escaped, a missing one is an error."""
    folder = files("cartsim.report") / "templates"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}
    return Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _endpoints(contents: ReportContents) -> tuple[Grid | None, Grid | None]:
    """The endpoints by patient, unless they must not be shown, and their summary."""
    summary, table = contents.nca_summary, contents.nca
    units = {} if summary is None else dict(zip(summary["metric"], summary["unit"], strict=True))
    return (
        grid(table, units) if table is not None and contents.show_observations else None,
        None if summary is None else endpoint_grid(summary, extremes=contents.show_observations),
    )


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _flat(run: Mapping[str, object]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each entry with its value, or its named values where it is a mapping."""
    return [
        (
            str(key),
            [(str(name), str(item)) for name, item in value.items()]
            if isinstance(value, Mapping)
            else [("", str(value))],
        )
        for key, value in run.items()
    ]
