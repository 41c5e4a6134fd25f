"""Lists of pictures as people save them: what is read, and what is said of those that cannot be."""

from pathlib import Path

import pytest

from stressvision_training.data.listing import check_fields, read_listing
from stressvision_training.data.refusals import SourceError

NEEDED = ("file", "subject")


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_list_may_be_what_a_spreadsheet_saves(tmp_path: Path, separator: str) -> None:
    lines = ("file,subject,note", "a.png,José,x", "b.png,Ana,")
    content = "\r\n".join(lines).replace(",", separator)
    (tmp_path / "list.csv").write_bytes(content.encode("utf-8-sig"))
    assert list(read_listing(tmp_path / "list.csv", NEEDED)) == [
        (f"{tmp_path}/list.csv:2", {"file": "a.png", "subject": "José", "note": "x"}),
        (f"{tmp_path}/list.csv:3", {"file": "b.png", "subject": "Ana", "note": ""}),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("file,subject\na.png,José\n".encode("cp1252"), "list.csv:2: 0xe9 is not UTF-8; save it as CSV UTF-8"),
        (b"file\na.png\n", "list.csv:1: has no column subject"),
        (b"", "list.csv:1: has no column file, subject"),
        (
            b'file,subject\n"a.png,Ana\nb.png,Ana\n',
            "list.csv:2: unexpected end of data; is a quotation",
        ),
        (b'file,subject\n"' + b"x" * 200_000, "is a quotation mark left open?"),
        (b"file,subject\na.png\n", "list.csv:2: has not as many fields as line 1"),
        (b"file,subject\na.png,Ana,x\n", "list.csv:2: has not as many fields as line 1"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(SourceError) as refused:
        for where, record in read_listing(tmp_path / "list.csv", NEEDED):
            check_fields(record, where)
    assert says in str(refused.value)
