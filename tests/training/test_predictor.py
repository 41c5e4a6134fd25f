"""Models of another origin: taken as they are where that is clear, refused with the reason where it is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from stressvision_training.architectures.network import heads_of
from stressvision_training.data.dataset import Dataset, file_digest
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.predictor import answers, as_probabilities, predictor, scheme_of
from stressvision_vision.bare import SPANS, InputRange, in_range
from stressvision_vision.classifier import ModelError
from support.datasets import blank_faces

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),  # TensorFlow's, of uint8 inputs
]

FACES = np.random.default_rng(0).integers(0, 256, (6, 48, 48), np.uint8)


def _saved(
    path: Path, *, channels: int = 1, outputs: int = 7, softmax: bool = True, side: int = 48, rescaled: bool = True
) -> Path:
    import keras

    keras.utils.set_random_seed(4)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((side, side, channels)),
            *([layers.Rescaling(1 / 255)] if rescaled else []),
            layers.Conv2D(4, 5, strides=4, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(outputs, activation="softmax" if softmax else None),
        ]
    )
    network.save(path)
    return path


def _tflite(source: Path, path: Path, *, integer: bool, fed: InputRange = "grey", shift: float = 0.0) -> Path:
    """Convert `source`, for integers calibrated on faces as `fed` says, with `shift` added."""
    import keras
    import tensorflow as tf

    network = keras.models.load_model(source)
    side, channels = network.input_shape[1], network.input_shape[-1]
    taken = keras.Input((side, side, channels), batch_size=1)
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(taken, network(taken)))
    if integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        converter.representative_dataset = lambda: (
            [np.repeat(in_range(face[None, :, :, None], fed), channels, axis=3) + np.float32(shift)] for face in FACES
        )
    path.write_bytes(converter.convert())
    return path


@pytest.mark.parametrize(("outputs", "scheme"), [(7, "fer7"), (5, "company5")])
def test_the_number_of_outputs_tells_the_scheme(outputs: int, scheme: str, tmp_path: Path) -> None:
    asked = predictor(_saved(tmp_path / "m.keras", outputs=outputs, channels=3), None)
    assert asked.scheme == scheme
    given = asked(FACES)
    assert given.shape == (6, outputs)
    assert np.allclose(given.sum(axis=1), 1, atol=1e-5)


def test_logits_and_probabilities_come_to_the_same(tmp_path: Path) -> None:
    with_softmax = predictor(_saved(tmp_path / "a.keras"), None)(FACES)
    logits = predictor(_saved(tmp_path / "b.keras", softmax=False), None)(FACES)
    assert np.allclose(with_softmax, logits, atol=1e-5)


def test_a_larger_network_gets_larger_faces(tmp_path: Path) -> None:
    asked = predictor(_saved(tmp_path / "m.keras", side=96), None)
    assert asked.side == 96
    assert asked(FACES).shape == (6, 7)


@pytest.mark.parametrize("integer", [False, True])
def test_a_bare_tflite_file_says_what_its_network_says(integer: bool, tmp_path: Path) -> None:
    source = _saved(tmp_path / "m.keras", channels=3)
    bare = predictor(_tflite(source, tmp_path / "m.tflite", integer=integer), None, input_range="grey")
    assert (bare.scheme, bare.fed) == ("fer7", "grey")
    assert np.allclose(bare(FACES), predictor(source, None)(FACES), atol=0.02 if integer else 1e-4)


@pytest.mark.parametrize("wanted", ["unit", "signed"])
def test_an_integer_file_says_by_its_scale_what_it_wants(wanted: InputRange, tmp_path: Path) -> None:
    source = _saved(tmp_path / "m.keras", rescaled=False)
    bare = predictor(_tflite(source, tmp_path / "m.tflite", integer=True, fed=wanted), None)
    assert bare.fed == wanted
    assert np.allclose(bare(FACES), predictor(source, None, input_range=wanted)(FACES), atol=0.02)


def test_floats_of_a_bare_file_are_fed_0_to_1(tmp_path: Path) -> None:
    source = _saved(tmp_path / "m.keras", rescaled=False)
    bare = predictor(_tflite(source, tmp_path / "m.tflite", integer=False), None)
    assert bare.fed == "unit"
    assert np.allclose(bare(FACES), predictor(source, None, input_range="unit")(FACES), atol=1e-4)


def test_each_range_has_its_ends() -> None:
    ends = np.array([0, 255], np.uint8)
    assert {name: in_range(ends, name).tolist() for name in SPANS} == {
        "grey": [0, 255],
        "unit": [0, 1],
        "signed": [-1, 1],
    }


def test_an_integer_file_of_another_normalisation_is_refused(tmp_path: Path) -> None:
    source = _saved(tmp_path / "m.keras", rescaled=False)
    odd = _tflite(source, tmp_path / "odd.tflite", integer=True, shift=-120)  # as VGG's, which takes its mean off
    with pytest.raises(ModelError, match=r"odd\.tflite: its input stands for -120 to 135"):
        predictor(odd, None)


def test_a_float_file_of_ours_is_known_by_its_digest(tmp_path: Path) -> None:
    source = _tflite(_saved(tmp_path / "m.keras"), tmp_path / "model_float32.tflite", integer=False)
    made = {"model_float32.tflite": file_digest(source)}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"file": "model_int8.tflite", "provenance": {"float_files": made}}))
    assert predictor(source, None).fed == "grey"
    made["model_float32.tflite"] = "0" * 64
    manifest.write_text(json.dumps({"file": "model_int8.tflite", "provenance": {"float_files": made}}))
    assert predictor(source, None).fed == "unit"


def test_faces_come_in_the_size_that_suits(tmp_path: Path) -> None:
    # the second face has a larger picture, which a larger network is to see
    large = np.random.default_rng(1).integers(0, 256, (1, 96, 96), np.uint8)
    text = np.array(["sad", "sad"])
    data = Dataset(
        scheme="fer7",
        images=FACES[:2],
        large=large,
        large_row=np.array([-1, 0], np.int32),
        votes=np.zeros((2, 10), np.float32),
        splits=text,
        sources=text,
        labels=text,
        names=text,
        usages=text,
        groups=text,
        digests={},
    )
    asked = predictor(_saved(tmp_path / "m.keras", side=96), None)
    given = answers(asked, data)
    assert np.allclose(given[1], asked(large)[0], atol=1e-6)
    assert np.allclose(given[0], asked(FACES[:1])[0], atol=1e-6)
    assert not np.allclose(given[1], asked(FACES[1:2])[0], atol=1e-6)


def test_a_network_is_fed_what_is_asked_for(tmp_path: Path) -> None:
    source = _saved(tmp_path / "m.keras")
    dark = predictor(source, None, input_range="unit")(FACES)
    assert np.allclose(dark, predictor(source, None)(np.zeros_like(FACES)), atol=0.05)


def test_what_fits_no_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has 3 outputs, the schemes have 5 and 7"):
        predictor(_saved(tmp_path / "m.keras", outputs=3), None)
    with pytest.raises(SourceError, match="has 7 outputs, company5 has 5 labels"):
        scheme_of(7, "company5", tmp_path)
    with pytest.raises(SourceError, match=r"none\.keras: no such file"):
        predictor(tmp_path / "none.keras", None)
    (tmp_path / "no.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"no\.tflite"):
        predictor(tmp_path / "no.tflite", None)


def test_a_network_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    import keras

    class Odd(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
        """Known to whoever trained it alone."""

    whole = _saved(tmp_path / "m.keras")
    (tmp_path / "cut.keras").write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(SourceError, match=r"cut\.keras: not a \.keras file, or cut off; copy it again"):
        predictor(tmp_path / "cut.keras", None)
    keras.Sequential([keras.Input((48, 48, 1)), Odd(), keras.layers.Flatten()]).save(tmp_path / "odd.keras")
    with pytest.raises(SourceError, match=r"odd\.keras: not a Keras model that can be loaded here: Could not"):
        predictor(tmp_path / "odd.keras", None)


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built:UserWarning")
def test_a_network_that_does_not_say_what_it_takes_is_named(tmp_path: Path) -> None:
    import keras

    keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(7)]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(SourceError, match=r"unbuilt\.keras: does not say what it takes; call it once"):
        predictor(tmp_path / "unbuilt.keras", None)


def test_a_head_of_another_width_is_none_of_ours(tmp_path: Path) -> None:
    import keras

    faces = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(faces)
    network = keras.Model(faces, {name: keras.layers.Dense(4, name=name)(flat) for name in ("fer7", "company5")})
    assert heads_of(network) == []
    network.save(tmp_path / "four.keras")
    with pytest.raises(SourceError, match=r"four\.keras: gives .*; n x labels is needed"):
        predictor(tmp_path / "four.keras", None)


def test_answers_that_are_no_numbers_are_no_figures(tmp_path: Path) -> None:
    import keras

    network = keras.models.load_model(_saved(tmp_path / "m.keras"))
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    network.save(tmp_path / "broken.keras")
    with pytest.raises(SourceError, match="answers to 3 of 3 faces are no numbers; it is broken"):
        answers(predictor(tmp_path / "broken.keras", None), blank_faces(["sad"] * 3, scheme="fer7"))


def test_rows_that_sum_to_one_are_left_alone() -> None:
    given = np.array([[0.2, 0.8], [0.5, 0.49]], np.float32)
    assert np.allclose(as_probabilities(given)[0], [0.2, 0.8])
    assert np.allclose(as_probabilities(given * 3).sum(axis=1), 1)
