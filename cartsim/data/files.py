"""Table files as text cells: comma, semicolon or tab separated text in any usual encoding, and Excel."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from cartsim.errors import DataError, Finding

_DELIMITERS = (",", ";", "\t")
# "#ID" begins a header, and #N/A, #REF! ... are what spreadsheets write into broken cells.
_NO_COMMENT = re.compile(r"\s*#\s*(?:ID\b|N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!)", re.IGNORECASE)
_EXCEL = {".xlsx", ".xlsm"}
_UNREADABLE = {
    ".xls": "save it as .xlsx or .csv",
    ".rds": "export it from R: write.csv(readRDS('file.rds'), 'file.csv', row.names = FALSE)",
    ".sas7bdat": "export it as .csv",
    ".xpt": "export it as .csv",
}


@dataclass(frozen=True)
class TextTable:
    """A table as the file holds it: text cells, with the row number a spreadsheet shows for each row.

    `commented` are the rows below the header that begin with #.
    """

    file: str
    sha256: str
    delimiter: str
    header: tuple[str, ...]
    header_row: int
    cells: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]
    notes: tuple[str, ...] = ()
    commented: tuple[int, ...] = ()


def read_table(
    path: str | Path,
    *,
    sheet: str | int | None = None,
    encoding: str | None = None,
    header_row: int = 1,
) -> TextTable:
    """Read a text or Excel table without interpreting its cells.

    Lines that begin with # are comments; empty lines are skipped; both count as rows of the file. The header
    is the first row with content, from `header_row` on: rows above it (titles) are not read.

    Raises
    ------
    DataError
        Where the file is missing, empty, unreadable, of another format, or has rows of another length.
    """
    path = Path(path)
    file = path.name
    if not path.is_file():
        raise DataError([Finding("there is no such file", str(path), remedy="check the path")])
    ending = path.suffix.lower()
    if ending in _UNREADABLE:
        raise DataError(
            [
                Finding(
                    f"{ending} files are not read",
                    file,
                    limit=".csv, .txt, .tsv, .xlsx, .xlsm",
                    remedy=_UNREADABLE[ending],
                )
            ]
        )
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if not content.strip():
        raise DataError([Finding("the file is empty", file, remedy="give a table with a header row")])
    if ending in _EXCEL or content[:4] == b"PK\x03\x04":
        records, notes = _excel_records(content, file, sheet)
        delimiter = ""
    else:
        text, notes = _decoded(content, file, encoding)
        delimiter = _delimiter(text, file, header_row)
        records = _text_records(text, delimiter, file)
    records = [(row, cells) for row, cells in records if row >= header_row]
    return _assembled(records, file, digest, delimiter, notes)


def _decoded(content: bytes, file: str, encoding: str | None) -> tuple[str, list[str]]:
    """The file's text: the encoding given, a byte-order mark, UTF-8, else Windows-1252 with a note."""
    if encoding is None and content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    for candidate in (encoding,) if encoding else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\x00" in text:
            break
        notes = ["not UTF-8: read as Windows-1252"] if candidate == "cp1252" and not encoding else []
        return text, notes
    raise DataError(
        [
            Finding(
                "the file's characters cannot be read",
                file,
                value=encoding or f"starts with bytes {content[:8].hex(' ')}",
                limit="UTF-8, UTF-16 with a byte-order mark, Windows-1252",
                remedy="save the table as CSV UTF-8, or name its encoding with encoding='...'",
            )
        ]
    )


def _is_comment(line: str) -> bool:
    """True for lines, or first cells, that begin with # as a comment does."""
    return line.lstrip().startswith("#") and not _NO_COMMENT.match(line)


def _delimiter(text: str, file: str, header_row: int) -> str:
    """The delimiter the header line uses most, outside quotes."""
    lines = text.splitlines()[header_row - 1 :]
    header = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    bare = "".join(header.split('"')[::2])
    best = max(_DELIMITERS, key=bare.count)
    if bare.count(best) == 0:
        raise DataError(
            [
                Finding(
                    "the header row has one column only",
                    file,
                    row=1,
                    value=header[:80],
                    limit="columns separated by comma, semicolon or tab",
                    remedy="save the table as CSV",
                )
            ]
        )
    return best


def _text_records(text: str, delimiter: str, file: str) -> list[tuple[int, list[str]]]:
    """Row number and cells of every line with content, quoted line breaks kept inside a cell."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    records = []
    try:
        for row, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                records.append((row, [cell.strip() for cell in cells]))
    except csv.Error as fault:
        raise DataError(
            [Finding(f"the row cannot be split into cells: {fault}", file, row=reader.line_num)]
        ) from fault
    return records


def _excel_records(
    content: bytes, file: str, sheet: str | int | None
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Row number and cells of every row of one sheet that has content."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as fault:
        # openpyxl lets zip, XML and key errors through for a damaged book.
        raise DataError(
            [Finding(f"the workbook cannot be opened ({fault})", file, remedy="save it again as .xlsx")]
        ) from fault
    names = book.sheetnames
    known = sheet in names or (isinstance(sheet, int) and 0 <= sheet < len(names))
    if sheet is not None and not known:
        raise DataError(
            [
                Finding(
                    "the workbook has no such sheet",
                    file,
                    value=sheet,
                    limit=", ".join(names),
                    remedy="name one with sheet='...'",
                )
            ]
        )
    name = names[0] if sheet is None else (names[sheet] if isinstance(sheet, int) else sheet)
    notes = [f"sheet {name!r} read of {len(names)}: {', '.join(names)}"] if len(names) > 1 else []
    records = []
    for row, values in enumerate(book[name].iter_rows(values_only=True), start=1):
        cells = [_cell_text(value) for value in values]
        if any(cells):
            records.append((row, cells))
    book.close()
    return records, notes


def _cell_text(value: object) -> str:
    """An Excel cell as text that reads back as the same number."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value).strip()


def _assembled(
    records: list[tuple[int, list[str]]], file: str, digest: str, delimiter: str, notes: list[str]
) -> TextTable:
    """Header and rows of equal length, or the rows that are not; comments set apart."""
    comments = [row for row, cells in records if _is_comment(cells[0])]
    records = [(row, cells) for row, cells in records if not _is_comment(cells[0])]
    if len(records) < 2:
        raise DataError(
            [Finding("the table has no rows under its header", file, remedy="give a header and data rows")]
        )
    header_row, header = records[0]
    while header and not header[-1]:
        header.pop()
    width = len(header)
    findings = []
    cells, rows = [], []
    for row, record in records[1:]:
        if any(record[width:]) or len(record) < width:
            findings.append(
                Finding(
                    f"the row has {len(record)} cells, the header {width}",
                    file,
                    row=row,
                    remedy="check for a missing or an extra separator (a decimal comma in a "
                    "comma-separated file, an unquoted comma in a text)",
                )
            )
        cells.append(tuple(record[:width]))
        rows.append(row)
    if findings:
        raise DataError(findings)
    commented = tuple(row for row in comments if row > header_row)
    return TextTable(
        file, digest, delimiter, tuple(header), header_row, tuple(cells), tuple(rows), tuple(notes), commented
    )
