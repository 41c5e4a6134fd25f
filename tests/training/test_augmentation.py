"""Augmentation: any size and colour, seeded, and nothing but what the recipe asks for."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_training.data.augmentation import DEGRADATIONS, Augmentation, augment, degrade, mixup
from stressvision_training.fitting.batches import Batches
from stressvision_training.fitting.recipe import Recipe, Rows
from support.faces import made_up_face

EVERYTHING = Augmentation(
    rotate_degrees=15, scale=(0.8, 1.2), shift=0.1, aspect=0.1, contrast=0.3, brightness=0.3, erase=1, webcam=1
)


def _face(side: int, channels: int) -> np.ndarray:
    grey = made_up_face(8, np.random.default_rng(side), side)
    return grey if channels == 1 else np.stack([grey, grey // 2, 255 - grey], axis=2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("side", "wanted"), [(48, 48), (48, 32), (96, 160), (160, 160), (160, 120)])
def test_every_size_and_colour(side: int, wanted: int, channels: int) -> None:
    face = _face(side, channels)
    for seed in range(20):
        varied = [augment(face, wanted, EVERYTHING, np.random.default_rng(seed)) for _ in range(2)]
        assert varied[0].shape == (wanted, wanted, *face.shape[2:])
        assert varied[0].dtype == np.uint8
        assert np.array_equal(*varied)


def test_nothing_asked_for_changes_nothing() -> None:
    face = _face(48, 1)
    rng = np.random.default_rng(0)
    assert np.array_equal(augment(face, 48, Augmentation(flip=0), rng), face)
    assert np.array_equal(augment(face, 48, Augmentation(flip=1), rng), face[:, ::-1])


def test_brightness_spans_as_much_of_the_grey_levels_as_asked_for() -> None:
    how = Augmentation(brightness=0.4)
    grey = np.full((8, 8), 128, np.uint8)
    levels = [augment(grey, 8, how, np.random.default_rng(seed)).mean() for seed in range(200)]
    assert (min(levels), max(levels)) == pytest.approx((128 - 51, 128 + 51), abs=2)


def test_erasing_hides_a_part_behind_one_level() -> None:
    face = _face(48, 1)
    for seed in range(20):
        erased = augment(face, 48, Augmentation(flip=0, erase=1), np.random.default_rng(seed))
        rows, columns = np.nonzero(erased != face)
        assert 0 < len(rows) < face.size / 4
        assert np.ptp(erased[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]) == 0


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("side", [48, 160])
def test_each_degradation_leaves_a_face_that_is_worse_but_there(name: str, side: int) -> None:
    face = _face(side, 1)
    _, worsen = DEGRADATIONS[name]
    changed = 0
    for seed in range(20):
        worse = worsen(face, np.random.default_rng(seed))
        assert worse.shape == face.shape
        changed += not np.array_equal(worse, face)
        assert np.corrcoef(worse.ravel(), face.ravel())[0, 1] > 0.15
    assert changed >= 19


def test_a_webcam_does_not_paint_a_face_of_one_level() -> None:
    flat = np.full((48, 48), 90, np.uint8)
    assert all(degrade(flat, np.random.default_rng(seed)).std() < 14 for seed in range(30))


@given(st.integers(0, 999), st.floats(0.05, 4))
def test_mixup_blends_faces_and_targets_alike_and_leaves_sets_of_classes_alone(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, 16)
    table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]], np.float32)  # the last two: not asked, either
    faces = np.repeat(kinds, 4).reshape(16, 2, 2, 1).astype(np.float32)
    mixed, targets, extras = mixup(faces, {"fer7": table[kinds]}, rng, alpha, {"level": faces[:, 0, 0]})
    target = targets["fer7"]
    assert np.allclose(target.sum(axis=1), table[kinds].sum(axis=1), atol=1e-5)
    assert np.array_equal(mixed[kinds == 3], faces[kinds == 3])
    assert (mixed[kinds == 2] == 2).all()
    plain = kinds < 2
    assert np.allclose(mixed[plain, 0, 0, 0], target[plain, 1], atol=1e-5)
    assert np.array_equal(extras["level"], mixed[:, 0, 0])
    assert (np.abs(mixed[plain] - faces[plain]) <= 0.5).all()
    assert mixup(faces, {}, rng, 0)[0].tolist() == faces.tolist()


def _recipe(**changes: object) -> Recipe:
    text = """
    seed = 4
    epochs = 2
    batch = 8
    architecture = {name = "plain-residual", stem_filters = 8, dropout = 0.0, stages = [{filters = 8, blocks = 1}]}
    heads = [{classes = "fer7", labels = "fer2013"}]
    optimiser = {rate = 0.1}
    """
    recipe = msgspec.toml.decode(text, type=Recipe)
    return msgspec.structs.replace(recipe, **changes)


def test_an_epoch_is_the_same_each_time_and_another_is_not() -> None:
    images = np.stack([_face(48, 1)] * 20)
    targets = {"fer7": np.eye(7, dtype=np.float32)[np.arange(20) % 7]}
    recipe = _recipe(augmentation=EVERYTHING)
    batches = Batches(images, targets, np.ones(20, np.int64), recipe, extras={"row": np.arange(20.0)[:, None]})
    one, again, other = (list(batches.epoch(number)) for number in (0, 0, 1))
    assert len(one) == len(batches) == 2
    for (faces, found), (same, as_found) in zip(one, again, strict=True):
        assert faces.shape == (8, 48, 48, 1)
        assert np.array_equal(faces, same)
        assert np.array_equal(found["fer7"], as_found["fer7"])
        assert np.array_equal(found["fer7"], targets["fer7"][found["row"][:, 0].astype(int)])
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_epoch_may_even_classes_out_and_take_larger_faces() -> None:
    images, large = np.zeros((40, 48, 48), np.uint8), np.full((96, 96), 200, np.uint8)
    labels = np.array(["sad"] * 36 + ["happy"] * 4)
    recipe = _recipe(rows=Rows(balance="resample"), augmentation=Augmentation(mixup=0.2))
    targets = {"fer7": np.eye(7, dtype=np.float32)[(labels == "sad").astype(int)]}
    batches = Batches(images, targets, np.ones(40, np.int64), recipe, face=lambda _row, _side: large, labels=labels)
    rows = batches.order(0)
    assert (labels[rows] == "happy").sum() == 20
    assert all((faces == 200).all() for faces, _ in batches.epoch(0))
