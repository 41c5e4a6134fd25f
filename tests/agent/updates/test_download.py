"""A line that breaks anywhere, any number of times: the file arrives whole, and no byte of it twice."""

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.metadata import TargetFile

from stressvision_agent.updates.download import TargetRefusedError, fetch
from stressvision_agent.updates.repository import Listed
from stressvision_agent.updates.sources import Piecewise, SourceUnavailableError

CONTENT = bytes(range(256)) * 40


class Breaking:
    """Gives `pieces` bytes at a time and breaks off after so many of them; the last attempt holds."""

    def __init__(self, content, breaks, piece, forgets=False):
        self.content, self.breaks, self.piece, self.forgets = content, list(breaks), piece, forgets
        self.given = 0

    @contextmanager
    def target(self, name, start):
        start = 0 if self.forgets else start
        yield Piecewise(start, self._pieces(start))

    def _pieces(self, start):
        left = self.breaks.pop(0) if self.breaks else None
        for at in range(start, len(self.content), self.piece):
            if left == 0:
                raise SourceUnavailableError("the line broke")
            left = None if left is None else left - 1
            piece = self.content[at : at + self.piece]
            self.given += len(piece)
            yield piece


def listed(content):
    digest = hashlib.sha256(content).hexdigest()
    target = TargetFile(len(content), {"sha256": digest}, "n-1.tflite")
    return Listed(
        version="n-1", digest=digest, length=len(content), file="n-1.tflite", target=target, manifest=None,
        manifest_json=b"",
    )  # fmt: skip


def persist(source, wanted, part):
    for _ in range(100):
        try:
            return fetch(source, wanted, part, min_free_bytes=0)
        except SourceUnavailableError:
            continue
    raise AssertionError("it never arrived")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 4000), st.booleans())
def test_it_arrives_whole_however_the_line_breaks(breaks, piece, forgets):
    with tempfile.TemporaryDirectory() as folder:
        source = Breaking(CONTENT, breaks, piece, forgets)
        part = persist(source, listed(CONTENT), Path(folder) / "x.part")
        assert part.read_bytes() == CONTENT
        assert forgets or source.given == len(CONTENT)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 4000), st.integers(0, len(CONTENT) - 1))
def test_one_wrong_bit_is_noticed_and_nothing_of_it_kept(breaks, piece, wrong):
    spoilt = bytearray(CONTENT)
    spoilt[wrong] ^= 1
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "x.part"
        with pytest.raises(TargetRefusedError):
            persist(Breaking(bytes(spoilt), breaks, piece), listed(CONTENT), part)
        assert not part.exists()


def test_a_whole_part_needs_no_source(tmp_path):
    part = tmp_path / "x.part"
    part.write_bytes(CONTENT)
    source = Breaking(b"", [], 1)
    assert fetch(source, listed(CONTENT), part, min_free_bytes=0) == part
    assert source.given == 0


def test_a_part_that_is_too_long_is_begun_anew(tmp_path):
    part = tmp_path / "x.part"
    part.write_bytes(CONTENT + b"more")
    assert fetch(Breaking(CONTENT, [], 512), listed(CONTENT), part, min_free_bytes=0).read_bytes() == CONTENT
