"""Whatever a range says, the answer is a part of the file, all of it, or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_ingest.errors import RangeError, UnknownFileError
from stressvision_ingest.models import wanted_bytes, wanted_metadata

NUMBERS = st.one_of(st.just(""), st.integers(0, 2000).map(str), st.integers(0, 10**14).map(str))
RANGES = st.one_of(st.text(max_size=30), st.builds("bytes={}-{}".format, NUMBERS, NUMBERS))


@given(said=RANGES, size=st.integers(1, 1500))
def test_a_part_lies_within_the_file(said: str, size: int) -> None:
    try:
        part = wanted_bytes({"range": said}, size, '"tag"')
    except RangeError as refused:
        assert refused.headers()["Content-Range"] == f"bytes */{size}"
        return
    if part is not None:
        assert 0 <= part[0] <= part[1] < size


@given(first=st.integers(0, 1499), length=st.integers(1, 1500))
def test_a_plain_range_is_given_as_far_as_the_file_goes(first: int, length: int) -> None:
    part = wanted_bytes({"range": f"bytes={first}-{first + length - 1}"}, 1500, '"tag"')
    assert part == (first, min(first + length, 1500) - 1)


@given(name=st.one_of(st.text(max_size=40), st.from_regex(r"\d{0,12}\.?(root|targets|snapshot|timestamp|x)\.json")))
def test_a_name_is_metadata_or_unknown(name: str) -> None:
    try:
        role, version = wanted_metadata(name)
    except UnknownFileError:
        return
    assert name == (f"{version}.{role}.json" if version is not None else "timestamp.json")


@pytest.mark.parametrize("name", ["٣.root.json", "01.root.json", "1.root.json\n", "9999999999.root.json"])
def test_names_that_only_look_right_are_unknown(name: str) -> None:
    with pytest.raises(UnknownFileError):
        wanted_metadata(name)
