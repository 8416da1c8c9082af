"""Tables that cannot be read: every fault is named with file, row, column and subject, all at once."""

import pytest

from cartsim.data.read import read_data
from cartsim.errors import CartsimError, DataError

HEADER = "subject,time,output,value,unit"
GOOD = ("P1,7,car,900,copies/ug", "P1,14,car,5000,copies/ug", "P1,28,car,700,copies/ug")


def table(*rows, header=HEADER, good=GOOD):
    """A table whose first three rows are sound; the fault stands in row 5 and after."""
    return "\n".join((header, *good, *rows)) + "\n"


def nonmem(*rows, header="ID,TIME,DV,AMT,EVID,MDV"):
    """A NONMEM table of one subject with a dose in row 2 and sound samples in rows 3 to 5."""
    good = ("1,0,.,100,1,1", "1,7,900,.,0,0", "1,14,5000,.,0,0", "1,28,700,.,0,0")
    width = header.count(",") + 1
    padded = [line + ",." * (width - 6) for line in good]
    return "\n".join((header, *padded, *rows)) + "\n"


NONMEM = {"outputs": "car", "units": {"car": "copies/ug", "dose": "cells", "time": "day"}}

# what is wrong: (text, arguments, (what the message says, row, column, subject, value))
BAD = {
    "missing column": (
        "subject,time,output,unit\nP1,1,car,copies/ug\n",
        {},
        ("no column for the value", 1, None, None),
    ),
    "analysis day instead of time": (
        "USUBJID,ADY,PARAMCD,AVAL,AVALU\nP1,1,CAR,5,copies/ug\n",
        {},
        ("no column for the time", 1, None, None),
    ),
    "duplicate columns": (
        table(header="subject,time,output,value,unit,Value", good=(f"{GOOD[0]},1",)),
        {},
        ("two columns have the same name", 1, "Value", None),
    ),
    "two columns for one role": (
        table(header=f"{HEADER},DV", good=(f"{GOOD[0]},1",)),
        {},
        ("several columns could be the value", 1, "value, DV", None),
    ),
    "a column named that is not there": (
        table(),
        {"columns": {"value": "titer"}},
        ("a column the table does not have", 1, "titer", None),
    ),
    "a role named that is not known": (
        table(),
        {"columns": {"colour": "value"}},
        ("unknown role", None, None, None),
    ),
    "no value": (table("P1,30,car,NaN,copies/ug"), {}, ("no value", 5, "value", "P1")),
    "a word for a value": (table("P1,30,car,many,copies/ug"), {}, ("not a number", 5, "value", "P1")),
    "infinite value": (table("P1,30,car,inf,copies/ug"), {}, ("infinite", 5, "value", "P1")),
    "overflowing value": (table("P1,30,car,1e999,copies/ug"), {}, ("infinite", 5, "value", "P1")),
    "thousands separators": (
        table('P1,30,car,"1,234,567",copies/ug'),
        {},
        ("thousands separators", 5, "value", "P1"),
    ),
    "a comma in a number": (
        table('P1,30,car,"12,5",copies/ug'),
        {},
        ("decimal comma", 5, "value", "P1"),
    ),
    "ambiguous comma in a semicolon file": (
        "subject;time;output;value;unit\nP1;1;car;1,234;copies/ug\n",
        {},
        ("decimal comma", 2, "value", "P1"),
    ),
    "negative concentration": (
        table("P1,30,car,-4,copies/ug"),
        {},
        ("negative concentration", 5, "value", "P1"),
    ),
    "negative time without a dose": (
        table("P1,-3,car,4,copies/ug"),
        {},
        ("before day 0 with no dose", 5, "time", "P1"),
    ),
    "date for a time": (
        table("P1,2024-03-01,car,4,copies/ug"),
        {},
        ("date or clock time", 5, "time", "P1"),
    ),
    "clock time for a time": (table("P1,08:30,car,4,copies/ug"), {}, ("date or clock", 5, "time", "P1")),
    "no time": (table("P1,,car,4,copies/ug"), {}, ("no time", 5, "time", "P1")),
    "time a century away": (
        table("P1,45000,car,4,copies/ug"),
        {},
        ("more than a century", 5, "time", "P1"),
    ),
    "time in a unit that is no time": (
        table(header="subject,time (cells),output,value,unit"),
        {},
        ("not a time", 2, "time (cells)", "P1"),
    ),
    "unit missing": (table("P2,30,il6,4,"), {}, ("il6 has no unit", 5, "unit", "P2")),
    "unit unknown": (table("P2,30,il6,4,pq/mL"), {}, ("'pq/mL' is not known", 5, "unit", "P2")),
    "units of two kinds": (
        table("P1,30,car,4,cells/uL"),
        {},
        ("cells/uL does not convert to copies/ug", 5, "unit", "P1"),
    ),
    "zero without a limit": (table("P1,30,car,0,copies/ug"), {}, ("no LLOQ is known", 5, "value", "P1")),
    "BLQ without a limit": (table("P1,30,car,BLQ,copies/ug"), {}, ("no LLOQ is known", 5, "value", "P1")),
    "flagged BLQ above the limit": (
        table("P1,30,car,80,copies/ug,1", header=f"{HEADER},blq", good=[f"{row},0" for row in GOOD]),
        {"lloq": 50},
        ("the value is above it", 5, "value", "P1"),
    ),
    "unknown CENS code": (
        table("P1,30,car,80,copies/ug,7", header=f"{HEADER},CENS", good=[f"{row},0" for row in GOOD]),
        {},
        ("unknown CENS code", 5, "CENS", "P1"),
    ),
    "unknown BLQ flag": (
        table("P1,30,car,80,copies/ug,maybe", header=f"{HEADER},BLQ", good=[f"{row},0" for row in GOOD]),
        {},
        ("unknown BLQ code", 5, "BLQ", "P1"),
    ),
    "flagged below and above at once": (
        table("P1,30,car,9,copies/ug,1,-1", header=f"{HEADER},BLQ,CENS", good=[f"{r},0,0" for r in GOOD]),
        {"lloq": 50},
        ("below and above a limit at once", 5, "BLQ", "P1"),
    ),
    "LIMIT above the value": (
        table("P1,30,car,50,copies/ug,1,60", header=f"{HEADER},CENS,LIMIT", good=[f"{r},0," for r in GOOD]),
        {},
        ("LIMIT is not below the value", 5, "LIMIT", "P1"),
    ),
    "LIMIT below a right-censored value": (
        table("P1,30,car,50,copies/ug,-1,6", header=f"{HEADER},CENS,LIMIT", good=[f"{r},0," for r in GOOD]),
        {},
        ("LIMIT is not above the value", 5, "LIMIT", "P1"),
    ),
    "interval without LIMIT": (
        table("P1,30,car,50,copies/ug,interval", header=f"{HEADER},CENS", good=[f"{r},0" for r in GOOD]),
        {},
        ("without LIMIT", 5, "limit", "P1"),
    ),
    "conflicting LLOQ, column and argument": (
        table("P1,30,car,80,copies/ug,20", header=f"{HEADER},LLOQ", good=[f"{row}," for row in GOOD]),
        {"lloq": 50},
        ("conflicting LLOQ", 5, "LLOQ", "P1"),
    ),
    "conflicting LLOQ, cell and argument": (
        table("P1,30,car,<20,copies/ug"),
        {"lloq": 50},
        ("conflicting LLOQ", 5, "value", "P1"),
    ),
    "ULOQ below LLOQ": (
        table("P1,30,car,80,copies/ug,20", header=f"{HEADER},ULOQ", good=[f"{row}," for row in GOOD]),
        {"lloq": 50},
        ("the ULOQ is below the LLOQ", 5, "ULOQ", "P1"),
    ),
    "LOD above LLOQ": (
        table("P1,30,car,80,copies/ug,60", header=f"{HEADER},LOD", good=[f"{row}," for row in GOOD]),
        {"lloq": 50},
        ("the LLOQ is below the LOD", 5, "lloq", "P1"),
    ),
    "LLOQ of zero": (
        table("P1,30,car,80,copies/ug,0", header=f"{HEADER},LLOQ", good=[f"{row}," for row in GOOD]),
        {},
        ("the LLOQ is not positive", 5, "LLOQ", "P1"),
    ),
    "flagged above ULOQ, but below": (
        table("P1,30,car,80,copies/ug,-1", header=f"{HEADER},CENS", good=[f"{row},0" for row in GOOD]),
        {"uloq": 9000},
        ("flagged above the ULOQ", 5, "value", "P1"),
    ),
    "subject blank": (table(" ,30,car,80,copies/ug"), {}, ("no subject", 5, "subject", None)),
    "output blank": (table("P1,30,,80,copies/ug"), {}, ("no output", 5, "output", "P1")),
    "row repeated": (table(GOOD[1]), {}, ("repeats row 3 in every cell", 5, "value", "P1")),
    "row with a cell too many": (
        table("P1,30,car,12,5,copies/ug"),
        {},
        ("the row has 6 cells, the header 5", 5, None, None),
    ),
    "covariate that changes": (
        table("P1,30,car,8,copies/ug,61", header=f"{HEADER},age", good=[f"{row},60" for row in GOOD]),
        {"covariates": ["age"]},
        ("a covariate changes within a subject", 5, "age", "P1"),
    ),
    "covariate that is not there": (
        table(),
        {"covariates": ["sex"]},
        ("covariates= names a column", 1, "sex", None),
    ),
    "output renamed that is not there": (
        table(),
        {"outputs": {"il6": "il_6"}},
        ("outputs= names an output the table does not have", None, "output", None),
    ),
    "output asked for that is not there": (
        table(),
        {"only": "il6"},
        ("only= names an output", None, "output", None),
    ),
    "output code without a name": (
        "ID,TIME,DVID,DV\n1,1,1,5\n1,2,2,6\n",
        {"outputs": {"1": "car"}, "units": {"car": "copies/ug"}},
        ("an output code without a name", 3, "DVID", "1"),
    ),
    "one name for two outputs": (
        table("P1,30,il6,4,copies/ug"),
        {"outputs": "car"},
        ("one output name", 5, "output", "P1"),
    ),
    "one name for two compartments": (
        nonmem("1,30,40,.,0,0,3", header="ID,TIME,DV,AMT,EVID,MDV,CMT"),
        NONMEM,
        ("one output name", 6, "CMT", "1"),
    ),
    "no output column": ("ID,TIME,DV\n1,1,5\n", {}, ("no column says what was measured", 2, "output", "1")),
    "dose without amount": (nonmem("1,30,.,.,1,1"), NONMEM, ("without a positive amount", 6, "AMT", "1")),
    "negative amount": (nonmem("1,30,.,-5,1,1"), NONMEM, ("without a positive amount", 6, "AMT", "1")),
    "amount on a measurement row": (
        nonmem("1,30,40,100,0,0"),
        NONMEM,
        ("an amount on a measurement row", 6, "AMT", "1"),
    ),
    "unknown EVID": (nonmem("1,30,40,.,9,0"), NONMEM, ("unknown EVID code", 6, "EVID", "1")),
    "reset": (nonmem("1,30,.,.,3,1"), NONMEM, ("EVID 3, 4", 6, "EVID", "1")),
    "unknown MDV": (nonmem("1,30,40,.,0,5"), NONMEM, ("unknown MDV code", 6, "MDV", "1")),
    "ADDL without II": (
        nonmem("1,30,.,100,1,1,3", header="ID,TIME,DV,AMT,EVID,MDV,ADDL"),
        NONMEM,
        ("without an interval", 6, "interval", "1"),
    ),
    "ADDL not a count": (
        nonmem("1,30,.,100,1,1,2.5", header="ID,TIME,DV,AMT,EVID,MDV,ADDL"),
        NONMEM,
        ("ADDL is not a count", 6, "ADDL", "1"),
    ),
    "modelled rate": (
        nonmem("1,30,.,100,1,1,-2", header="ID,TIME,DV,AMT,EVID,MDV,RATE"),
        NONMEM,
        ("a negative rate", 6, "RATE", "1"),
    ),
    "rate against duration": (
        nonmem("1,30,.,100,1,1,50,1", header="ID,TIME,DV,AMT,EVID,MDV,RATE,DUR"),
        NONMEM,
        ("contradict each other", 6, "RATE", "1"),
    ),
    "steady state": (
        nonmem("1,30,.,100,1,1,1", header="ID,TIME,DV,AMT,EVID,MDV,SS"),
        NONMEM,
        ("steady-state", 6, "SS", "1"),
    ),
    "dose without a unit": (
        nonmem(),
        {"outputs": "car", "units": {"car": "copies/ug"}},
        ("dose has no unit", 2, "AMT", "1"),
    ),
    "nothing left": (table(), {"drop_before": 99}, ("no measurement is left", None, None, None)),
    "no rows": (HEADER + "\n", {}, ("no rows under its header", None, None, None)),
    "empty file": ("", {}, ("the file is empty", None, None, None)),
    "one column": ("subject\nP1\n", {}, ("one column only", 1, None, None)),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_a_bad_table_is_refused_with_its_place(tmp_path, case):
    text, arguments, (what, row, column, subject) = BAD[case]
    path = tmp_path / "trial.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_data(path, **arguments)
    findings = [finding for finding in caught.value.findings if what in finding.what]
    assert len(findings) == 1, str(caught.value)
    assert (findings[0].row, findings[0].column, findings[0].subject) == (row, column, subject)
    message = str(caught.value)
    assert "trial.csv" in message
    for label, item in (("row", row), ("column", column), ("subject", subject)):
        assert item is None or f"{label} {item}" in message


def test_at_least_twenty_kinds_of_bad_table_are_tested():
    assert len(BAD) >= 20


def test_every_finding_has_a_remedy(tmp_path):
    lacking = []
    for case, (text, arguments, _) in BAD.items():
        path = tmp_path / "trial.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError) as caught:
            read_data(path, **arguments)
        lacking += [
            (case, str(finding))
            for finding in caught.value.findings
            if not (finding.remedy or finding.limit is not None)
        ]
    assert lacking == []


def test_all_problems_come_at_once(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        table(
            "P1,30,car,many,copies/ug",
            "P2,x,car,5,copies/ug",
            ",30,car,5,copies/ug",
            "P3,30,car,-1,copies/ug",
            "P4,30,car,5,furlong",
        ),
        encoding="utf-8",
    )
    with pytest.raises(DataError) as caught:
        read_data(path)
    assert [finding.row for finding in caught.value.findings] == [5, 6, 7, 8, 9]
    assert str(caught.value).startswith("5 problems in the input")


def test_the_same_fault_in_many_rows_is_one_finding_with_a_count(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(table(*(f"P1,{day},car,0,copies/ug" for day in (30, 60, 90))), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_data(path)
    (finding,) = caught.value.findings
    assert finding.row == 5
    assert "3 rows" in finding.what
    assert "lloq=" in finding.remedy


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"lloq": 0.0}, "lloq= must be positive"),
        ({"uloq": {"car": float("nan")}}, "uloq= must be positive"),
        ({"decimal": ";"}, "decimal= must be"),
        ({"covariates": {"age": "last"}}, "rule for covariate age"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path, arguments, what):
    path = tmp_path / "trial.csv"
    path.write_text(table(), encoding="utf-8")
    with pytest.raises(CartsimError, match=what):
        read_data(path, **arguments)
