"""What an INT8 file is calibrated on, and that it says what its network says, at other sizes and channels too."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stressvision_training.data.dataset import Dataset
from stressvision_training.exporting.quantise import DEGRADED_SHARE, PER_LABEL, representative, to_float, to_int8

SIDE = 96


def _train(rows: dict[str, int], *, large: bool = False) -> Dataset:
    text = np.array([label for label, number in rows.items() for _ in range(number)])
    n = len(text)
    rng = np.random.default_rng(0)
    return Dataset(
        scheme="company5",
        images=rng.integers(0, 256, (n, 48, 48), np.uint8),
        large=rng.integers(0, 256, (n, SIDE, SIDE), np.uint8) if large else np.empty((0, 48, 48), np.uint8),
        large_row=np.arange(n, dtype=np.int32) if large else np.full(n, -1, np.int32),
        votes=np.zeros((n, 10), np.float32),
        splits=text,
        sources=text,
        labels=text,
        names=text,
        usages=text,
        groups=text,
        digests={},
    )


def _same(faces: NDArray[np.uint8], pictures: NDArray[np.uint8]) -> int:
    known = {picture.tobytes() for picture in pictures}
    return sum(face.tobytes() in known for face in faces)


def test_every_label_has_as_many_faces_and_some_are_degraded() -> None:
    train = _train({"happy": 5 * PER_LABEL, "sad": 2 * PER_LABEL, "fatigue": 30})
    faces, _ = representative(train, seed=1)
    assert len(faces) == 2 * PER_LABEL + 30 + 2
    assert (faces[-2].max(), faces[-1].min()) == (0, 255)  # they pin the input's range
    clear = _same(faces[:-2], train.images) / (len(faces) - 2)
    assert clear == pytest.approx(1 - DEGRADED_SHARE, abs=0.08)


def test_the_digest_is_of_these_faces() -> None:
    train = _train({"happy": 20, "sad": 20})
    first, again, other = representative(train, 1), representative(train, 1), representative(train, 2)
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1] != other[1]


def test_a_larger_network_is_calibrated_on_the_larger_pictures() -> None:
    train = _train({"happy": 40}, large=True)
    faces, _ = representative(train, 1, SIDE)
    assert faces.shape == (42, SIDE, SIDE)
    assert _same(faces, train.large) > 20


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")  # TensorFlow's, of uint8 inputs
@pytest.mark.parametrize("channels", [1, 3])
def test_the_files_say_what_the_network_says(channels: int, tmp_path: Path) -> None:
    import keras

    from stressvision_vision.bare import BareModel

    keras.utils.set_random_seed(3)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, channels), batch_size=1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(64, 5, strides=4, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    faces, _ = representative(_train({"happy": 8, "sad": 8}, large=True), 1, SIDE)
    fed = np.repeat(faces[..., None], channels, axis=3).astype(np.float32)
    said = np.concatenate([np.asarray(network(face[None])) for face in fed])
    contents = {
        "int8": to_int8(network, faces),
        "float16": to_float(network, half=True),
        "float32": to_float(network, half=False),
    }
    for name, tolerance in (("int8", 0.02), ("float16", 0.005), ("float32", 1e-5)):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(contents[name])
        model = BareModel(path, input_range="grey")
        assert (model.side, model.input_range) == (SIDE, "grey")
        assert np.abs(np.stack([model.answer(face) for face in faces]) - said).max() < tolerance
    assert len(contents["float16"]) < len(contents["float32"])
