"""Table files: delimiters, encodings, comments, Excel sheets, and files that are none of these."""

import datetime

import openpyxl
import pytest

from cartsim.data.files import read_table
from cartsim.data.read import read_data
from cartsim.errors import DataError

TEXT = "subject,time,output,value,unit\nP1,7,car,900.5,copies/µg gDNA\nP1,14,car,5000,copies/µg gDNA\n"
TEXT += "P1,28,car,700,copies/µg gDNA\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_reads_the_same_in_any_usual_form(tmp_path, delimiter, encoding):
    path = tmp_path / "trial.csv"
    path.write_bytes(TEXT.replace(",", delimiter).encode(encoding))
    data = read_data(path)
    assert data.observations["value"].tolist() == [900.5, 5000.0, 700.0]
    assert set(data.observations["unit"]) == {"copies/ug"}
    assert ("Windows-1252" in data.summary.text()) == (encoding == "cp1252")


def test_an_encoding_can_be_named(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_bytes(TEXT.replace("P1", "Pé").encode("mac_roman"))
    assert read_data(path, encoding="mac_roman").subjects == ("Pé",)


@pytest.mark.parametrize("content", [b"\x00\x01\x02\x03,\x00\x00", b"subject,time\n\x81\x8d\x8f,\x90\n"])
def test_unreadable_characters_are_said_to_be_so(tmp_path, content):
    path = tmp_path / "trial.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_table(path)
    assert "encoding=" in str(caught.value)


def test_decimal_commas_are_read_where_they_are_unambiguous(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        "subject;time;output;value;unit\nP1;0,5;car;12,25;copies/ug\nP1;1;car;3;copies/ug\n"
        "P1;2;car;<0,5;copies/ug\n",
        encoding="utf-8",
    )
    data = read_data(path)
    assert data.observations["time"].tolist() == [0.5, 1.0, 2.0]
    assert data.observations["upper"].tolist() == [12.25, 3.0, 0.5]
    assert "decimal commas" in data.summary.text()


def test_decimal_commas_are_read_where_the_caller_says_so(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        "subject;time;output;value;unit\n" + "".join(f"P1;{day};car;1,234;copies/ug\n" for day in (1, 2, 3)),
        encoding="utf-8",
    )
    assert read_data(path, decimal=",").observations["value"].tolist() == [1.234] * 3


def test_comments_and_empty_lines_keep_their_row_numbers(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text("# SIMULATED\n" + TEXT.replace("P1,14", "\n# note\nP1,14"), encoding="utf-8")
    data = read_data(path)
    assert data.observations["row"].tolist() == [3, 6, 7]
    # A comment above the header is a title; below it, it may be a row taken out by hand.
    assert [(drop.reason, drop.rows) for drop in data.summary.dropped] == [("commented out with #", (5,))]
    assert data.summary.rows_read == 4


def test_a_broken_spreadsheet_cell_is_not_a_comment(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(TEXT.replace("P1,14", "#N/A,14"), encoding="utf-8")
    with pytest.raises(DataError, match="no subject"):
        read_data(path)


def test_a_header_that_begins_with_a_hash_is_not_a_comment(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(TEXT.replace("subject", "#ID"), encoding="utf-8")
    assert read_data(path).subjects == ("P1",)


def test_titles_above_the_header_can_be_skipped(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text("Table 3; PCR results\n" + TEXT, encoding="utf-8")
    assert read_data(path, header_row=2).observations["row"].tolist() == [3, 4, 5]


def test_a_quoted_line_break_stays_in_its_cell(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text(
        'subject,time,output,value,unit,note\nP1,1,car,5,copies/ug,"a\nb"\n'
        "P1,2,car,6,copies/ug,\nP1,3,car,7,copies/ug,\n",
        encoding="utf-8",
    )
    assert read_data(path).observations["row"].tolist() == [2, 3, 4]


def test_an_unclosed_quote_is_located(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text('subject,time,output,value,unit\nP1,1,car,5,"copies/ug\n', encoding="utf-8")
    with pytest.raises(DataError, match="cannot be split into cells"):
        read_data(path)


def workbook(path, rows, *, sheet="PCR"):
    """A workbook with a cover sheet and the rows on a second one."""
    book = openpyxl.Workbook()
    book.active.title = "cover"
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


def test_an_excel_sheet_reads_like_a_text_table(tmp_path):
    path = tmp_path / "trial.xlsx"
    workbook(
        path,
        [
            ["subject", "time", "output", "value", "unit"],
            [1, 7, "car", 900.5, "copies/ug"],
            [1, 14, "car", "<50", "copies/ug"],
            [None] * 5,
            [1, 28, "car", 1e6, "copies/ug"],
        ],
    )
    data = read_data(path, sheet="PCR")
    assert data.subjects == ("1",)
    assert data.observations["value"].tolist() == [900.5, 50.0, 1e6]
    assert data.observations["censoring"].tolist() == [0, 1, 0]
    assert data.observations["row"].tolist() == [2, 3, 5]
    assert "PCR" in data.summary.text()


def test_a_missing_sheet_is_named_with_those_there_are(tmp_path):
    path = tmp_path / "trial.xlsx"
    workbook(path, [["subject", "time"]])
    with pytest.raises(DataError, match="no such sheet") as caught:
        read_data(path, sheet="qPCR")
    assert "cover, PCR" in str(caught.value)


def test_dates_in_excel_cells_are_not_taken_for_times(tmp_path):
    path = tmp_path / "trial.xlsx"
    workbook(
        path,
        [
            ["subject", "time", "output", "value", "unit"],
            ["P1", datetime.datetime(2024, 3, 1), "car", 900.5, "copies/ug"],
        ],
    )
    with pytest.raises(DataError, match="date or clock time") as caught:
        read_data(path, sheet="PCR")
    assert caught.value.findings[0].row == 2


def test_a_damaged_workbook_is_said_to_be_so(tmp_path):
    path = tmp_path / "trial.xlsx"
    path.write_bytes(b"PK\x03\x04 this is no workbook")
    with pytest.raises(DataError, match="cannot be opened"):
        read_data(path)


@pytest.mark.parametrize("ending", [".xls", ".rds", ".sas7bdat"])
def test_other_formats_name_the_way_out(tmp_path, ending):
    path = tmp_path / f"trial{ending}"
    path.write_bytes(b"anything")
    with pytest.raises(DataError, match=r"files are not read.*remedy"):
        read_data(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_data(tmp_path / "absent.csv")
