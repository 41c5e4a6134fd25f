"""Splits: no person and no picture on both sides, and nobody moves when others join."""

import tracemalloc
from collections import defaultdict

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stressvision_training.data.duplicates import near_duplicates
from stressvision_training.data.rows import Row
from stressvision_training.data.splits import NEAR, SHARES, assign, deal, near_facts
from support.faces import made_up_face

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


@given(rows(), st.integers(0, 1000), st.booleans(), st.data())
def test_nothing_leaks(faces: list[Row], seed: int, drop_near: bool, data: st.DataObject) -> None:
    row = st.integers(0, len(faces) - 1)
    near = np.array(data.draw(st.lists(st.tuples(row, row), max_size=8)), np.int64).reshape(-1, 2)
    splits, groups, reasons = assign(faces, seed, near, drop_near=drop_near)
    of_pixels, of_person, of_group = defaultdict(set), defaultdict(set), defaultdict(set)
    for face, split, group, reason in zip(faces, splits, groups, reasons, strict=True):
        assert (split == "dropped") == bool(reason)
        given = face.usage in ("PublicTest", "PrivateTest")
        assert not given or split in JUDGED
        assert face.usage != "Training" or split not in JUDGED
        if split == "dropped":
            continue
        of_pixels[face.digest].add(split)
        if face.subject:
            of_person[face.subject].add(split)
        if not given:
            of_group[group].add(split)
    for seen in of_pixels.values():
        assert not (seen & LEARNT and seen & JUDGED)
        assert not seen >= LEARNT
    assert all(len(seen) == 1 for seen in of_person.values())
    assert all(len(seen) == 1 for seen in of_group.values())
    assert all(groups[i] == groups[j] for i, j in near.tolist())
    if drop_near:
        given = {i for i, face in enumerate(faces) if face.usage in ("PublicTest", "PrivateTest")}
        assert all(splits[b] not in LEARNT for i, j in near.tolist() for a, b in ((i, j), (j, i)) if a in given)


@given(rows(), st.integers(0, 1000))
def test_they_depend_on_seed_and_rows_alone(faces: list[Row], seed: int) -> None:
    assert assign(faces, seed) == assign(list(faces), seed)


@given(rows())
def test_most_voters_saw_no_face(faces: list[Row]) -> None:
    splits, _, _ = assign(faces, 0)
    for face, split in zip(faces, splits, strict=True):
        if face.votes and face.votes[-1] == 9 and face.usage == "Training":
            assert split == "dropped"


def test_the_shares_are_a_tenth_of_training_and_70_15_15_of_each_company_label() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4000, 48, 48), np.uint8)
    labels = ("fatigue", "fatigue", "fatigue", "happy")
    faces = [
        Row(image=image, source="fer2013", name="", label="sad", usage="Training")
        if number % 2
        else Row(image=image, source="custom:a", name="", label=labels[number // 2 % 4], subject=str(number // 6))
        for number, image in enumerate(images)
    ]
    splits = np.array(assign(faces, 5)[0])
    assert 0.08 < (splits[1::2] == "validation").mean() < 0.12
    for label in ("fatigue", "happy"):
        own = splits[[face.label == label for face in faces]]
        for split, share in SHARES.items():
            assert abs((own == split).mean() - share) < 0.01


@st.composite
def strata(draw: st.DrawFn) -> dict[str, dict[str, int]]:
    """Return groups with their rows of up to three strata."""
    counts = st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), min_size=1)
    return {str(number): found for number, found in enumerate(draw(st.lists(counts, min_size=1, max_size=60)))}


@given(strata(), st.integers(0, 1000))
def test_every_group_is_dealt_and_each_split_has_some_of_what_three_groups_have(
    groups: dict[str, dict[str, int]], seed: int
) -> None:
    found = deal(groups, SHARES, seed, {})
    assert found.keys() == groups.keys()
    assert found == deal(dict(reversed(groups.items())), SHARES, seed, {})
    if len({name for counts in groups.values() for name in counts}) == 1 and len(groups) >= 3:
        assert set(found.values()) == set(SHARES)


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(4, 80), min_size=1), st.integers(0, 1000))
def test_single_pictures_are_shared_out_within_one_of_each_label(labels: dict[str, int], seed: int) -> None:
    groups = {f"{label}{i}": {label: 1} for label, number in labels.items() for i in range(number)}
    found = deal(groups, SHARES, seed, {})
    for label, number in labels.items():
        for split, share in SHARES.items():
            held = sum(found[group] == split for group in groups if group[0] == label)
            assert abs(held - share * number) <= 1
            assert held


@given(strata(), st.integers(0, 1000), st.data())
def test_a_frozen_group_stays(groups: dict[str, dict[str, int]], seed: int, data: st.DataObject) -> None:
    fixed = data.draw(st.dictionaries(st.sampled_from(sorted(groups)), st.sampled_from(sorted(SHARES))))
    assert deal(groups, SHARES, seed, fixed).items() >= fixed.items()


def _picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)
    return cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)


def test_a_smaller_validation_lies_within_a_larger_one() -> None:
    images = np.random.default_rng(5).integers(0, 256, (600, 48, 48), np.uint8)
    rows = [
        Row(image=image, source="fer2013", name=str(n), label="sad", usage="Training") for n, image in enumerate(images)
    ]
    tenth, little = (np.array(assign(rows, 1, validation=share)[0]) == "validation" for share in (0.1, 0.03))
    assert not (little & ~tenth).any()
    assert 0.05 < tenth.mean() < 0.15
    assert 0.005 < little.mean() < 0.06


def test_near_duplicates_stay_together_and_may_be_kept_from_training() -> None:
    faces = []
    for number in range(40):
        first, second = _picture(number), np.clip(_picture(number).astype(int) * 0.9 + 9, 0, 255).astype(np.uint8)
        for image in (first, second):
            faces.append(Row(image=image, source="custom:a", name=str(len(faces)), label="sad"))
    faces.append(Row(image=_picture(100), source="fer2013", name="0", label="sad", usage="PrivateTest"))
    faces.append(Row(image=_picture(100)[:, ::-1].copy(), source="fer2013", name="1", label="sad", usage="Training"))
    near = near_duplicates(np.stack([face.image for face in faces]))
    assert near.tolist() == [[i, i + 1] for i in range(0, 82, 2)]
    splits = assign(faces, 1, near)[0]
    assert splits[0:80:2] == splits[1:80:2]
    assert [splits[:80].count(split) for split in SHARES] == [56, 12, 12]
    assert near_facts(faces, assign(faces, 1, near), near)["training_rows_beside_a_test_row"] == 1
    kept, _, reasons = assign(faces, 1, near, drop_near=True)
    assert (kept[80], kept[81], reasons[81]) == ("test", "dropped", NEAR)


def test_people_of_an_earlier_deal_stay_where_they_were() -> None:
    def people(numbers: range) -> list[Row]:
        return [
            Row(image=_picture(number), source="custom:a", name=str(number), label="sad", subject=str(number))
            for number in numbers
        ]

    before = people(range(20))
    frozen = {(row.source, row.subject): split for row, split in zip(before, assign(before, 1)[0], strict=True)}
    after = people(range(60))
    splits = assign(after, 1, frozen=frozen)[0]
    assert splits[:20] == list(frozen.values())
    assert [splits.count(split) for split in SHARES] == [42, 9, 9]


def test_pictures_of_one_level_resemble_nothing() -> None:
    assert near_duplicates(np.zeros((3, 48, 48), np.uint8)).tolist() == []


@given(rows(), st.integers(0, 1000), st.data())
def test_whoever_is_frozen_no_training_row_is_judged(faces: list[Row], seed: int, data: st.DataObject) -> None:
    row = st.integers(0, len(faces) - 1)
    near = np.array(data.draw(st.lists(st.tuples(row, row), max_size=8)), np.int64).reshape(-1, 2)
    first = assign(faces, seed)[0]
    some = data.draw(st.sets(row))
    frozen = {
        name: first[i]
        for i in some
        if first[i] != "dropped"
        for name in (("", faces[i].digest), (faces[i].source, faces[i].subject or "nobody"))
    }
    again, _, reasons = assign(faces, seed, near, frozen=frozen)
    for i, face in enumerate(faces):
        assert face.usage != "Training" or again[i] not in JUDGED
        assert (again[i] == "dropped") == bool(reasons[i])


def test_thousands_of_frames_of_one_person_fit_into_memory() -> None:
    rng = np.random.default_rng(0)
    frames = np.clip(made_up_face(0, rng) + rng.normal(0, 4, (900, 48, 48)), 0, 255).astype(np.uint8)
    tracemalloc.start()
    pairs = near_duplicates(frames)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pairs) > 200_000
    assert most < 500e6  # the pixels of all of them at once would be 3.7 GB
