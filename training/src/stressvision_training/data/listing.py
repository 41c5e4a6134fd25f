"""Read a CSV that people made by hand or saved from a spreadsheet: a line per picture."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from stressvision_training.data.refusals import SourceError


def read_listing(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield for each line where it stands (`file:number`) and its fields by column, separated by `,` or by `;`.

    `SourceError` for a column of `needed` that is missing, another encoding than UTF-8, or a quotation mark left open.
    """
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(f"{path}:{line}: {content[error.start]:#x} is not UTF-8; save it as CSV UTF-8") from error
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","  # as spreadsheets save where a comma is decimal
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise SourceError(f"{path}:1: has no column {', '.join(missing)}")
        for record in reader:
            yield f"{path}:{reader.line_num}", record
    except csv.Error as error:
        raise SourceError(f"{path}:{reader.line_num + 1}: {error}; is a quotation mark left open?") from error


def check_fields(record: dict[str, str], where: str) -> None:
    """Raise `SourceError` when a line has more fields than the first, or fewer."""
    if None in record or None in record.values():
        raise SourceError(f"{where}: has not as many fields as line 1", "number of fields")
