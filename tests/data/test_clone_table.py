"""Tables of clones: AIRR names, sums, notes, round trip, and every fault of a bad table at once."""

import pandas as pd
import pytest

from cartsim.data.clone_table import COLUMNS, read_clone_table, write_clone_table
from cartsim.errors import DataError

AIRR = """\
sequence_id\tclone_id\tjunction_aa\tduplicate_count\tproductive\tsubject_id\tcollection_time_point_relative\t\
collection_time_point_relative_unit\tcell_subset
s1\tc1\tCASSA\t10\tT\tP1\t4\tweek\tCD8
s2\tc1\tCASSA\t5\tT\tP1\t4\tweek\tCD8
s3\tc2\tCASSB\t1\tT\tP1\t4\tweek\tCD4
s4\tc3\tCASSC\t7\tF\tP1\t4\tweek\tCD4
s5\tc2\tCASSB\t0\tT\tP1\t28\tday\tCD8
s6\tc2\tCASSB\t3\tT\tP1\t28\tday\tCD8
"""


def written(folder, text, name="clones.tsv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_airr_table_is_read_with_its_units_and_sums(tmp_path):
    table = read_clone_table(written(tmp_path, AIRR))
    assert table.rows.to_dict("split")["data"] == [
        ["P1", 28.0, "blood", "CD4", "c2", 1],
        ["P1", 28.0, "blood", "CD8", "c1", 15],
        ["P1", 28.0, "blood", "CD8", "c2", 3],
    ]
    assert table.counts(subject="P1")[28.0].to_dict() == {"c1": 15, "c2": 4}
    notes = "; ".join(table.notes)
    assert "the clone is read from clone_id, not from junction_aa" in notes
    assert "1 rows that are not productive left out; 1 rows with count 0 left out; 1 rows added" in notes


def test_what_is_written_reads_back(tmp_path):
    rows = pd.DataFrame(
        [
            ["A", -60.0, "blood", "", "x", 4],
            ["A", 30.5, "blood", "memory", "x", 1],
            ["B", 0.0, "marrow", "", "y", 9],
        ],
        columns=list(COLUMNS),
    )
    write_clone_table(rows, tmp_path / "t.tsv", comment="SIMULATED data\nseed 1")
    assert (
        (tmp_path / "t.tsv")
        .read_text(encoding="utf-8")
        .startswith("# SIMULATED data\n# seed 1\nsubject_id\t")
    )
    pd.testing.assert_frame_equal(read_clone_table(tmp_path / "t.tsv").rows, rows)


def test_the_product_comes_before_the_samples_of_blood(tmp_path):
    text = "subject,day,tissue,clone_id,count\n" + "".join(
        f"A,{day},{tissue},{clone},{count}\n"
        for day, tissue, clone, count in (
            (0, "IP", "x", 5), (0, "IP", "y", 2), (28, "blood", "x", 3), (28, "marrow", "z", 1)
        )
    )  # fmt: skip
    found = read_clone_table(written(tmp_path, text, "t.csv")).followed()
    assert list(found) == [("A", "blood"), ("A", "marrow")]
    assert found["A", "blood"].to_dict() == {0.0: {"x": 5, "y": 2}, 28.0: {"x": 3, "y": 0}}


def test_names_of_other_tables_are_given(tmp_path):
    path = written(tmp_path, "Sequenz,Anzahl,Woche\nAB,3,2\n", "t.csv")
    table = read_clone_table(
        path, columns={"clone": "Sequenz", "count": "Anzahl", "time": "Woche"}, time_unit="week"
    )
    assert table.rows[["time", "clone", "count"]].to_dict("split")["data"] == [[14.0, "AB", 3]]
    with pytest.raises(DataError, match=r"no column holds the clone.*\n.*no column holds the count"):
        read_clone_table(path)
    with pytest.raises(DataError, match="no such role of a column"):
        read_clone_table(path, columns={"klon": "Sequenz"})


def test_all_faults_are_reported_at_once_with_their_place(tmp_path):
    text = (
        "clone_id\tcount\ttime_day\n"
        "a\t0.25\t0\nb\t-3\t0\n\t4\t0\nc\tmany\t0\nd\t5\tbaseline\ne\t\t0\nf\t0.5\t0\ng\t1\t99999\n"
    )
    with pytest.raises(DataError) as caught:
        read_clone_table(written(tmp_path, text))
    found = {finding.row: finding for finding in caught.value.findings}
    assert set(found) == {2, 3, 4, 5, 6, 7, 9}
    assert "not whole (2 rows, first given)" in found[2].what
    assert "shares do not say it" in found[2].remedy
    assert "negative" in found[3].what
    assert "names no clone" in found[4].what
    assert (found[5].column, found[5].value) == ("count", "many")
    assert "-60 or 28" in found[6].remedy
    assert "missing" in found[7].what
    assert "century" in found[9].what
    assert all(finding.file == "clones.tsv" for finding in caught.value.findings)


def test_a_table_without_a_counted_clone_or_with_an_unknown_unit_is_refused(tmp_path):
    with pytest.raises(DataError, match="no clone was counted"):
        read_clone_table(written(tmp_path, "clone_id\tcount\na\t0\n"))
    with pytest.raises(DataError, match="no unit of time"):
        read_clone_table(written(tmp_path, "clone_id\tcount\ttime\na\t1\t3\n"), time_unit="kg")
