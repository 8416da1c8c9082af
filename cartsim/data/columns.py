"""The names under which studies, NONMEM, Monolix and ADaM files keep subject, time, value and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cartsim.errors import Finding

ALIASES: Mapping[str, tuple[str, ...]] = {
    "subject": ("subject", "id", "usubjid", "subjid", "subject_id", "patient", "patient_id", "patno", "pid"),
    "time": (
        "time",
        "time_day",
        "time_days",
        "day",
        "days",
        "time_hour",
        "time_hours",
        "time_h",
        "time_week",
        "time_weeks",
        "time_month",
        "time_months",
        "afrlt",
    ),
    "time_unit": ("time_unit", "timeu", "afrltu"),
    "output": ("output", "variable", "dvid", "ytype", "obsid", "paramcd", "param", "analyte", "assay"),
    "value": ("value", "dv", "aval", "y", "concentration", "conc", "observation", "result"),
    "text": ("avalc", "dvc", "value_text"),
    "unit": ("unit", "units", "avalu", "dvu", "dv_unit"),
    "censoring": ("cens", "censoring"),
    "blq": ("blq", "bloq", "blqfl", "blqfn", "bql"),
    "limit": ("limit",),
    "lloq": ("lloq", "loq", "pclloq", "alloq"),
    "lod": ("lod", "llod"),
    "uloq": ("uloq", "pculoq", "auloq"),
    "amount": ("amt", "amount", "dose"),
    "dose_unit": ("dose_unit", "amtu", "amt_unit", "amount_unit", "doseu"),
    "target": ("target", "cmt", "adm"),
    "rate": ("rate",),
    "duration": ("duration", "dur", "tinf"),
    "additional": ("addl",),
    "interval": ("ii",),
    "steady_state": ("ss",),
    "event": ("evid",),
    "missing": ("mdv",),
    "exclude": ("exclude", "excl", "ignore"),
}
"""Role of a column and the headers (lower case) that stand for it."""

REQUIRED = ("subject", "time", "value")

_TIME_UNITS = {"day": "day", "hour": "hour", "h": "hour", "week": "week", "month": "month"}
# Where both headers of a pair are there, the first is read and the second is an ordinary column.
_PREFERRED = (("usubjid", "subjid"), ("paramcd", "param"), ("aval", "dv"))
_DAY_COUNTS = ("ady", "study_day", "adt", "adtm", "date")


def header_key(name: str) -> str:
    """A header as it is compared: lower case, words joined by underscores, no unit in brackets."""
    bare = re.sub(r"[\[(].*?[\])]", "", name.strip())
    return re.sub(r"[^0-9a-z]+", "_", bare.lower()).strip("_")


def unit_in_header(name: str) -> str | None:
    """The unit a header states: "time (h)", "TIME_DAY", "conc [copies/ug]"; None where it states none."""
    bracket = re.search(r"[\[(](.+?)[\])]", name)
    if bracket:
        return bracket.group(1).strip()
    last = header_key(name).split("_")[-1].rstrip("s") or None
    return _TIME_UNITS.get(last) if last else None


def locate(
    header: Sequence[str], file: str, named: Mapping[str, str] | None = None
) -> tuple[dict[str, int], list[Finding]]:
    """Find which column plays which role.

    Parameters
    ----------
    header : sequence of str
        The file's column names.
    file : str
        Named in findings.
    named : mapping, optional
        Role to header, for tables that use other names.

    Returns
    -------
    tuple
        Role to column index, and everything that is wrong with the header.
    """
    findings = _duplicates(header, file)
    roles, stated = _named_roles(header, file, dict(named or {}))
    findings += stated
    keys = [header_key(name) for name in header]
    superseded = {second for first, second in _PREFERRED if first in keys}
    for role, aliases in ALIASES.items():
        if role in roles:
            continue
        found = [
            index
            for index, key in enumerate(keys)
            if key in aliases and key not in superseded and index not in roles.values()
        ]
        if len({keys[index] for index in found}) > 1:
            names = ", ".join(header[index] for index in found)
            findings.append(
                Finding(
                    f"several columns could be the {role}",
                    file,
                    row=1,
                    column=names,
                    limit="one column a role",
                    remedy=f"say which with columns={{'{role}': '{header[found[0]]}'}}",
                )
            )
        if found:
            roles[role] = found[0]
    findings += [_missing(role, header, keys, file) for role in REQUIRED if role not in roles]
    return roles, findings


def _duplicates(header: Sequence[str], file: str) -> list[Finding]:
    """A header used twice makes every reading of it a guess."""
    keys = [header_key(name) for name in header]
    twice = [name for index, name in enumerate(header) if keys[index] and keys[index] in keys[:index]]
    return [
        Finding("two columns have the same name", file, row=1, column=name, remedy="rename or delete one")
        for name in dict.fromkeys(twice)
    ]


def _named_roles(
    header: Sequence[str], file: str, named: Mapping[str, str]
) -> tuple[dict[str, int], list[Finding]]:
    """Roles the caller assigned by name."""
    roles: dict[str, int] = {}
    findings = []
    stripped = [name.strip() for name in header]
    for role, name in named.items():
        if role not in ALIASES:
            findings.append(
                Finding("columns= names an unknown role", file, value=role, limit=", ".join(ALIASES))
            )
        elif name not in stripped:
            findings.append(
                Finding(
                    f"columns= gives the {role} a column the table does not have",
                    file,
                    row=1,
                    column=name,
                    limit=", ".join(stripped),
                )
            )
        else:
            roles[role] = stripped.index(name)
    return roles, findings


def _missing(role: str, header: Sequence[str], keys: Sequence[str], file: str) -> Finding:
    """What to say where a role has no column."""
    remedy = f"add one, or name yours with columns={{'{role}': '...'}}"
    if role == "time" and set(keys) & set(_DAY_COUNTS):
        remedy = (
            "analysis days have no day 0 and dates no origin: add a column `time` in days from the first "
            "infusion"
        )
    return Finding(
        f"no column for the {role}",
        file,
        row=1,
        value=", ".join(header),
        limit=", ".join(ALIASES[role]),
        remedy=remedy,
    )
