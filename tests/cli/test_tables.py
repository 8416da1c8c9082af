"""`cartsim check` and `cartsim nca` on small tables."""

import csv

import pytest
import typer
from typer.testing import CliRunner

from cartsim.cli.check import check
from cartsim.cli.nca import nca
from cartsim.errors import CartsimError, DataError

TABLE = "subject,time_day,output,value,unit\n" + "".join(
    f"P{patient},{day},car_transgene,{value},copies/ug\n"
    for patient in (1, 2)
    for day, value in ((0, 0), (7, 9000 * patient), (14, 4000), (28, 1000), (90, 90), (180, 0))
)


@pytest.fixture
def run(tmp_path):
    """Run the two verbs on a table; errors come as they are."""
    path = tmp_path / "trial.csv"
    app = typer.Typer()
    app.command()(check)
    app.command()(nca)

    def running(verb, *words, text=TABLE):
        path.write_text(text, encoding="utf-8")
        return CliRunner(env={"COLUMNS": "220"}).invoke(
            app, [verb, str(path), *map(str, words)], catch_exceptions=False
        )

    return running


def test_check_prints_what_is_in_the_table(run):
    answer = run("check", "--lloq", "50")
    assert answer.exit_code == 0
    for line in ("subjects: 2", "observations: 12", "33.3% BLQ, LLOQ 50", "doses: 0", "dropped rows: 0"):
        assert line in answer.stdout


def test_check_refuses_a_bad_table_with_every_fault(run):
    with pytest.raises(DataError) as caught:
        run("check")
    assert "LLOQ" in str(caught.value)


def test_options_reach_the_reader(run):
    text = "ID;TIME;DV;DVID;X\n1;0;5;1;a\n1;24;6;1;a\n1;48;<0,5;1;a\n1;-9;4;1;a\n1;72;;1;a\n1;72;-3;2;a\n"
    answer = run(
        "check", "--rename", "1=car", "--rename", "2=score", "--unit", "car=copies/ug", "--unit", "score=1",
        "--unit", "time=hour", "--drop-before", "0", "--drop-missing", "--signed", "score",
        "--decimal", ",", "--lloq", "car=0.5", text=text,
    )  # fmt: skip
    assert "car (copies/ug): 3 in 1 subjects, 33.3% BLQ, LLOQ 0.5" in answer.stdout
    assert "score" in answer.stdout
    assert "dropped rows: 2" in answer.stdout
    assert "covariates: X" in answer.stdout


def test_nca_prints_both_tables_and_writes_csv(run, tmp_path):
    answer = run("nca", "--lloq", "50", "--csv", tmp_path / "nca.csv", "--summary-csv", tmp_path / "sum.csv")
    assert answer.exit_code == 0
    assert "18,000" in answer.stdout
    assert "geometric mean (CV %)" in answer.stdout
    assert "median [range]" in answer.stdout
    with (tmp_path / "nca.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["subject"] for row in rows] == ["P1", "P2"]
    assert [float(row["cmax"]) for row in rows] == [9000, 18000]
    # Sampling stops at day 180, before 6 x 30.44 days: marked in the table and on the screen.
    assert [row["auc_0_6m_truncated"] for row in rows] == ["True", "True"]
    assert "*" in answer.stdout
    assert "auc_0_6m" in (tmp_path / "sum.csv").read_text()


def test_what_is_not_evaluable_is_a_dash(run):
    text = "\n".join(line for line in TABLE.splitlines() if ",90," not in line and ",28," not in line)
    answer = run("nca", "--lloq", "50", text=text)
    assert "not evaluable" in answer.stdout
    lines = [line.split() for line in answer.stdout.splitlines() if line.strip().startswith("P1")]
    assert lines[-1][-3:] == ["-", "-", "no"]


@pytest.mark.parametrize("words", [("--lloq", "fifty"), ("--unit", "car"), ("--column", "=x")])
def test_a_malformed_option_is_named(run, words):
    with pytest.raises(CartsimError, match=words[0]):
        run("check", *words)
