"""A person's trend, in words and drawn: without a database."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_control.my_data.actions import ACTIONS
from stressvision_control.my_data.chart import LEFT, WIDTHS, Band, ceiling, draw
from stressvision_control.my_data.trend import LEAST, percent, sentences, usual
from stressvision_control.my_data.words import WORDS
from stressvision_store.own_data import OwnShift

DAY = date(2026, 11, 3)


def shift(fatigue: float | None, *, after: int = 0, coverage: float = 0.5) -> OwnShift:
    day = DAY + timedelta(days=after)
    at = datetime(day.year, day.month, day.day, 13, tzinfo=UTC)
    return OwnShift("morning", day, at, observed_hours=4.0, coverage=coverage, fatigue=fatigue, stress=None)


def month(*shares: float | None) -> list[OwnShift]:
    return [shift(share, after=number) for number, share in enumerate(shares)]


@pytest.mark.parametrize(
    ("last", "said"),
    [(0.05, "That is usual for you"), (0.0649, "usual for you"), (0.2, "more than usual"), (0.0, "less than usual"),
     (None, "there is not enough data")],
)  # fmt: skip
def test_the_last_shift_is_told_against_ones_own(last: float | None, said: str) -> None:
    shifts = month(*[0.04, 0.05, 0.06] * 6, last)
    lines = sentences(shifts, usual(shifts), "en")
    assert len(lines) == 2
    assert said in lines[1]
    assert "21\N{NO-BREAK SPACE}Nov" in lines[1]


def test_too_few_shifts_say_nothing_and_none_is_not_well() -> None:
    few = month(*[0.05] * (LEAST - 1), None, None)
    assert usual(few) is None
    assert "4 of 6 shifts" in sentences(few, None, "en")[0]
    assert "does not mean “not tired”" in sentences([], None, "en")[0]
    assert "0 of 1" in sentences(month(None), None, "en")[0]


@pytest.mark.parametrize(("share", "said"), [(0, "0"), (0.004, "< 1"), (0.0051, "1"), (0.995, "100"), (1, "100")])
def test_a_share_is_a_whole_number(share: float, said: str) -> None:
    assert percent(share) == f"{said} %".replace(" ", "\N{NO-BREAK SPACE}")


def test_both_languages_say_the_same() -> None:
    for texts in (WORDS, ACTIONS):
        assert texts["es"].keys() == texts["en"].keys()
    for name, spanish in WORDS["es"].items():
        fields = {part.split("}")[0] for part in spanish.split("{")[1:]}
        assert fields == {part.split("}")[0] for part in WORDS["en"][name].split("{")[1:]}, name


SHARES = st.none() | st.floats(0, 1)


@given(
    st.lists(st.tuples(SHARES, st.floats(0, 1)), min_size=1, max_size=90),
    st.sampled_from(["a", "3 nov.", "<b>&"]),
)
def test_every_drawing_is_whole_and_stays_inside(drawn: list[tuple[float | None, float]], word: str) -> None:
    shifts = [shift(share, after=number, coverage=cover) for number, (share, cover) in enumerate(drawn)]
    band = usual(shifts)

    root = ET.fromstring(f"<div>{draw(shifts, band, [word] * len(shifts), 'what <it> shows')}</div>")

    for svg, width in zip(root, WIDTHS.values(), strict=True):
        height = float(svg.attrib["viewBox"].split()[3])
        bars = [each for each in svg if each.attrib.get("class") == "share"]
        thin = [each for each in svg if each.attrib.get("class") == "thin"]
        assert len(bars) == sum(share is not None for share, _ in drawn)
        assert len(bars) + len(thin) == len(shifts)
        for each in svg:
            if each.tag == "rect":
                x, y, wide, tall = (float(each.attrib[name]) for name in ("x", "y", "width", "height"))
                assert x >= LEFT - 1
                assert x + wide <= width
                assert y >= 0
                assert tall > 0
                assert y + tall <= height
            if each.tag == "text":
                assert 0 <= float(each.attrib["x"]) <= width


@given(st.floats(0, 1))
def test_the_scale_holds_the_highest(share: float) -> None:
    assert share <= ceiling(share) <= 1


def test_without_a_band_none_is_drawn() -> None:
    assert 'class="band"' not in draw(month(0.1), None, ["x"], "x")
    assert 'class="band"' in draw(month(0.1), Band(0.1, 0.1), ["x"], "x")
