"""What was read from an SBML document, written as a model file in the style of the shipped ones."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from cartsim.errors import ModelError
from cartsim.interop.sbml_read import OUT, Found, read_sbml

HEAD = '''"""{title}

Written by `cartsim import` from {file}. Time is taken for days; quantities have unit "1": put in the right
units, sources and meanings, then run `cartsim check-models` on this file.
"""

from cartsim.spec.model import Course, Model, Output, Parameter, Source, State
from cartsim.spec.priors import Fixed
from cartsim.spec.terms import after, exp, log, maximum, minimum, sqrt, where

SOURCE = Source({title!r}, where={file!r})
'''


def model_file_text(path: Path) -> str:
    """The text of a model file for an SBML document; it loads with `load_model`.

    Raises
    ------
    ModelError
        As `read_sbml`; where a start depends on a state, and where doses go into several states.
    """
    identity, title, found = read_sbml(path)
    assigned = _in_order(found.assigned, path.name)
    faults = _faults(found, assigned)
    if faults:
        raise ModelError(f"{path.name} cannot become a model file", value="; ".join(faults))
    seen = [name for name in assigned if name.startswith(OUT)]
    outputs = {name.removeprefix(OUT): name for name in seen}
    outputs = outputs or {name: f"y.{name}" for name in found.states}
    lines = [HEAD.format(title=title.replace('"', "'"), file=path.name)]
    lines += [f"\n\n{text}\n" for text in found.functions]
    lines += ["STATES = ("]
    for name, value in found.states.items():
        end = f", extinct_below={found.ends[name]!r}" if name in found.ends else ""
        lines.append(f'    State("{name}", "1", "species {name}", initial={value!r}{end}{_sign(value)}),')
    lines += [")", "PARAMETERS = ("]
    texts = [
        *found.assigned.values(),
        *found.starts.values(),
        *itertools.chain.from_iterable(found.rates.values()),
    ]
    used = set(re.findall(r"\bp\.(\w+)", "\n".join(texts)))
    for name, (value, words) in found.constants.items():
        if name not in used:  # such as the size of a compartment that all amounts share
            continue
        words = re.sub(r"[\"\\\n]", "'", words)
        lines.append(f'    Parameter("{name}", "1", "{words}", Fixed({value!r}), SOURCE, fixed=True),')
    lines += [")", "OUTPUTS = ("]
    lines += [f'    Output("{name}", "1", "{name}", positive=False),' for name in outputs]
    lines += [")", "", ""]
    if found.starts:
        lines += ["def initial(p):", *_needed(assigned, found.starts.values())]
        starts = ", ".join(f"{name}={text}" for name, text in found.starts.items())
        lines += [f"    return dict({starts})", "", ""]
    lines += ["def rhs(t, y, p):", *_needed(assigned, [p for parts in found.rates.values() for p in parts])]
    lines += ["    return dict("]
    for name, parts in found.rates.items():
        lines.append(f"        {name}={' + '.join(f'({part})' for part in parts) or '0.0'},")
    lines += ["    )", "", "", "def outputs(t, y, p):", *_needed(assigned, outputs.values())]
    lines += [f"    return dict({', '.join(f'{name}={text}' for name, text in outputs.items())})", "", ""]
    options = [f'name="{identity}"', *(["initial=initial"] if found.starts else []), *_dosing(found)]
    lines.append(f"MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, {', '.join(options)})")
    return "\n".join(lines) + "\n"


def _sign(value: float) -> str:
    return ", positive=False" if value < 0 else ""


def _dosing(found: Found) -> list[str]:
    total = sum(amount for _, _, amount in found.doses)
    if not total:  # no doses, or doses of nothing
        return []
    days = tuple(day for day, _, _ in found.doses)
    shares = tuple(amount / total for _, _, amount in found.doses)
    course = f'courses={{"": Course({total!r}, days={days!r}, shares={shares!r})}}'
    return [f'infusion="{found.doses[0][1]}"', course]


def _faults(found: Found, assigned: dict[str, str]) -> list[str]:
    receiving = {name for _, name, _ in found.doses}
    faults = [f"doses into several species: {', '.join(sorted(receiving))}"] if len(receiving) > 1 else []
    for name, text in found.starts.items():
        used = "\n".join([text, *_needed(assigned, [text])])
        if re.search(r"\by\.|\bt\b", used):
            faults.append(f"the start of {name} depends on other species or on time")
    return faults


def _in_order(assigned: dict[str, str], file: str) -> dict[str, str]:
    """Assigned names so that each stands after those it uses."""
    left, ready = dict(assigned), {}
    while left:
        free = [name for name, text in left.items() if not _names(text) & (set(left) - {name})]
        free = [name for name in free if name not in _names(left[name])]
        if not free:
            raise ModelError(f"{file}: assignment rules in a circle", value=", ".join(sorted(left)))
        for name in free:
            ready[name] = left.pop(name)
    return ready


def _names(text: str) -> set[str]:
    """Bare names of a formula: no states, parameters or functions of theirs."""
    return set(re.findall(r"(?<![\w.])([a-z]\w*)\b(?!\()", text))


def _needed(assigned: dict[str, str], texts) -> list[str]:
    """Lines for the assigned names that some formulas use, directly or not, in order."""
    wanted = set().union(*(_names(text) for text in texts)) if texts else set()
    for name in reversed(assigned):
        if name in wanted:
            wanted |= _names(assigned[name])
    return [f"    {name} = {text}" for name, text in assigned.items() if name in wanted]
