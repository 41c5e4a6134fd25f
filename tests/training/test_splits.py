"""Splits: no person and no picture on both sides, and nobody moves when others join."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stressvision_training.rows import Row
from stressvision_training.splits import assign

LEARNT = {"train", "validation"}
JUDGED = {"test", "public"}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Return FER-2013 rows and company pictures over few pixels and few people, so that they often meet."""
    found = []
    for number in range(draw(st.integers(1, 40))):
        image = np.full((48, 48), draw(st.integers(0, 12)), np.uint8)
        if draw(st.booleans()):
            usage = draw(st.sampled_from(["Training", "Training", "PublicTest", "PrivateTest"]))
            votes = draw(st.sampled_from([(), (9, 0, 0, 0, 0, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0, 0, 0, 0, 9)]))
            found.append(Row(image=image, source="fer2013", name=str(number), label="sad", usage=usage, votes=votes))
        else:
            person = f"p{draw(st.integers(0, 6))}"
            found.append(Row(image=image, source="custom:a", name=str(number), label="fatigue", subject=person))
    return found


@given(rows(), st.integers(0, 1000))
def test_nothing_leaks(faces: list[Row], seed: int) -> None:
    splits, groups, reasons = assign(faces, seed)
    of_pixels, of_person, of_group = defaultdict(set), defaultdict(set), defaultdict(set)
    for face, split, group, reason in zip(faces, splits, groups, reasons, strict=True):
        assert (split == "dropped") == bool(reason)
        if face.usage in ("PublicTest", "PrivateTest"):
            assert split in JUDGED
        if split == "dropped":
            continue
        of_pixels[face.digest].add(split)
        if face.subject:
            of_person[face.subject].add(split)
        else:
            assert face.usage != "Training" or split in LEARNT
        if face.usage not in ("PublicTest", "PrivateTest"):
            of_group[group].add(split)
    for seen in of_pixels.values():
        assert not (seen & LEARNT and seen & JUDGED)
        assert not seen >= LEARNT
    assert all(len(seen) == 1 for seen in of_person.values())


@given(rows(), st.integers(0, 1000))
def test_they_depend_on_seed_and_rows_alone(faces: list[Row], seed: int) -> None:
    assert assign(faces, seed) == assign(list(faces), seed)


@given(rows())
def test_most_voters_saw_no_face(faces: list[Row]) -> None:
    splits, _, _ = assign(faces, 0)
    for face, split in zip(faces, splits, strict=True):
        if face.votes and face.votes[-1] == 9 and face.usage == "Training":
            assert split == "dropped"


def test_the_shares_are_about_a_tenth_and_three_tenths() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4000, 48, 48), np.uint8)
    faces = [
        Row(image=image, source="fer2013", name="", label="sad", usage="Training")
        if number % 2
        else Row(image=image, source="custom:a", name="", label="fatigue", subject=str(number))
        for number, image in enumerate(images)
    ]
    splits = np.array(assign(faces, 5)[0])
    assert 0.08 < (splits == "validation").mean() < 0.12
    assert 0.26 < (splits[::2] == "test").mean() < 0.34
