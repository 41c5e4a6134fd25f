"""Architectures: the parameters of the client's documents, multiplications counted by hand, weights, freezing, INT8."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.recipe import Recipe, read_recipe

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
FAMILIES = ("simple-cnn", "inverted-residual", "mobilenetv2", "recurrent-cnn", "mobilenetv3-small", "custom-light")

pytestmark = pytest.mark.train


def _recipe(name: str, *changes: str) -> Recipe:
    return read_recipe(RECIPES / f"{name}.toml", changes)


def _network(recipe: Recipe) -> Any:
    from stressvision_training.architectures import build

    return build(recipe.architecture, [head.classes for head in recipe.heads])


def _faces(side: int, rows: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (rows, side, side, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("simple-cnn", 83_335),  # document 3
        ("vggface-features", 14_847_815),  # document 3
        ("vggface-finetune", 14_847_815),
        ("mobilenetv3-small", 939_120 + 147_712 + 1_024 + 32_896 + 512 + 645),  # document 5's head on Keras's backbone
        ("mobilenetv2", 2_257_984 + 1_280 * 7 + 7),
        ("custom-light", 81_349),
        ("inverted-residual", 342_663),
        ("recurrent-cnn", 248_855),
        ("stressvision", 1_261_232),
        ("stressvision-pruned", 1_080_880),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    assert _network(_recipe(name)).count_params() == parameters


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("simple-cnn", [((48, 48, 32), 320), ((24, 24, 32), 0), ((24, 24, 64), 18_496), ((12, 12, 64), 0),
                        ((9216,), 0), ((7,), 64_519)]),
        ("vggface-features", [((7, 7, 512), 14_714_688), ((512,), 0), ((256,), 131_328), ((256,), 0), ((7,), 1_799)]),
    ],
)  # fmt: skip
def test_the_layers_are_those_of_document_3(name: str, table: list[tuple[tuple[int, ...], int]]) -> None:
    layers = _network(_recipe(name)).layers
    assert [(layer.output.shape[1:], layer.count_params()) for layer in layers[-len(table) :]] == table
    assert not any(layer.count_params() for layer in layers[: -len(table)])


def test_vggface_trains_as_many_parameters_as_the_document_says() -> None:
    from stressvision_training.fitting.tuning import thaw

    network = _network(_recipe("vggface-features", "input_size=32"))
    for backbone, trained in ((0, 133_127), ("block5", 133_127 + 3 * (512 * 512 * 9 + 512))):
        thaw(network, backbone)
        assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == trained


def test_the_last_thirty_layers_of_mobilenetv3_learn_and_no_other() -> None:
    from stressvision_training.architectures.backbone import backbone_of
    from stressvision_training.fitting.tuning import thaw

    network = _network(_recipe("mobilenetv3-small", "input_size=32"))
    thaw(network, 30)
    learns = [layer.trainable for layer in backbone_of(network).layers]
    assert learns == [False] * (len(learns) - 30) + [True] * 30
    before = [layer.get_weights() for layer in backbone_of(network).layers]
    network.compile(optimizer="sgd", loss="mse")
    network.train_on_batch(_faces(32, 4), {"company5": np.eye(5, dtype=np.float32)[:4]})
    for layer, weights, learnt in zip(backbone_of(network).layers, before, learns, strict=True):
        if not learnt:
            assert all(map(np.array_equal, layer.get_weights(), weights)), layer.name
    assert not np.array_equal(backbone_of(network).layers[-3].get_weights()[0], before[-3][0])


def test_a_name_that_no_layer_has_is_refused() -> None:
    from stressvision_training.fitting.tuning import thaw

    with pytest.raises(SourceError, match=r"conv5_1.*no layer"):
        thaw(_network(_recipe("vggface-features", "input_size=32")), "conv5_1")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_goes_forward_and_a_saved_network_knows_its_side(name: str, tmp_path: Path) -> None:
    from stressvision_training.architectures import build
    from stressvision_training.architectures.network import load_network, logits_of, side_of

    recipe = _recipe(name)
    side, head = recipe.architecture.input_size, recipe.heads[0].classes
    network = build(recipe.architecture, [head], fixed=True)
    network.save(tmp_path / "model.keras")
    again = load_network(tmp_path / "model.keras")
    assert side_of(again) == side
    small = np.random.default_rng(1).integers(0, 256, (3, 48, 48), np.uint8)
    logits = logits_of(again, small, head)
    assert logits.shape == (3, 7 if head == "fer7" else 5)
    assert np.isfinite(logits).all()
    assert logits == pytest.approx(logits_of(network, small, head), abs=1e-4)


def test_the_kernels_of_a_backbone_answer_as_kerass_own() -> None:
    import keras

    from stressvision_training.architectures.backbone import backbone

    own = keras.applications.MobileNetV3Small(input_shape=(32, 32, 3), include_top=False, weights=None)
    own.set_weights([np.abs(weight) + 0.1 for weight in own.get_weights()])
    ours = backbone(own, "imagenet")
    ours.set_weights(own.get_weights())
    faces = np.repeat(_faces(32), 3, axis=3)
    assert np.allclose(ours.predict_on_batch(faces), own.predict_on_batch(faces), rtol=1e-3)


def test_a_step_through_our_normalisation_is_one_through_kerass_own() -> None:
    import keras

    from stressvision_training.architectures.normalisation import FusedBatchNormalization

    own, ours = (kind(momentum=0.9) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization))
    faces = _faces(4)
    assert np.allclose(ours(faces, training=True), own(faces, training=True), atol=1e-5)
    assert np.allclose(ours.moving_mean, own.moving_mean, rtol=1e-5)
    n = faces.size
    assert np.allclose(ours.moving_variance - 0.9, (own.moving_variance - 0.9) * n / (n - 1), rtol=1e-5)


def test_multiplications_of_the_simple_cnn_counted_by_hand() -> None:
    from stressvision_training.architectures.complexity import macs

    by_hand = 48 * 48 * 32 * 9 + 24 * 24 * 64 * 9 * 32 + 12 * 12 * 64 * 7
    assert macs(_network(_recipe("simple-cnn")), 48) == by_hand


def test_multiplications_of_the_custom_light_counted_by_hand() -> None:
    from stressvision_training.architectures.complexity import macs

    first = 80 * 80 * 32 * 27
    separable = 40 * 40 * (32 * 9 + 32 * 64) + 20 * 20 * (64 * 9 + 64 * 128) + 10 * 10 * (128 * 9 + 128 * 256)
    assert macs(_network(_recipe("custom-light")), 160) == first + separable + 256 * 128 + 128 * 5


def test_a_recurrent_layer_counts_at_every_step() -> None:
    from stressvision_training.architectures.complexity import macs

    three, four = (macs(_network(_recipe("recurrent-cnn", f"architecture.steps={steps}")), 48) for steps in (3, 4))
    assert four - three == 24 * 24 * 48 * 48 * 9 + 12 * 12 * 64 * 64 * 9 + 6 * 6 * 96 * 96 * 9


def test_a_nested_backbone_is_counted() -> None:
    from stressvision_training.architectures.complexity import macs

    # 15.3 billion, as VGG16's paper has it, less the three dense layers that it ends in
    assert macs(_network(_recipe("vggface-features")), 224) == pytest.approx(15.35e9, rel=0.005)


def test_weights_of_a_file_go_into_the_backbone(tmp_path: Path) -> None:
    import h5py

    from stressvision_training.architectures.backbone import backbone_of
    from stressvision_training.architectures.pretrained import load_pretrained, pretrained_file

    recipe = _recipe("mobilenetv3-small", "input_size=32")
    donor, network = _network(recipe), _network(recipe)
    donor.save(tmp_path / "whole.keras")
    backbone_of(donor).save_weights(tmp_path / "part.weights.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:  # as keras.applications and keras-vggface are published
        layers = [layer for layer in backbone_of(donor).layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [weight.path.encode() for weight in layer.weights]
            for weight in layer.weights:
                group[weight.path] = np.asarray(weight)
    for name in ("whole.keras", "part.weights.h5", "old.h5"):
        named = _recipe("mobilenetv3-small", "input_size=32", f"weights={tmp_path / name}")
        file_named = pretrained_file(named.architecture)
        assert file_named == tmp_path / name
        network = _network(named)
        load_pretrained(network, file_named)
        assert all(map(np.array_equal, backbone_of(network).get_weights(), backbone_of(donor).get_weights())), name


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    from stressvision_training.architectures.pretrained import load_pretrained

    _network(_recipe("simple-cnn")).save(tmp_path / "other.keras")
    (tmp_path / "text.h5").write_text("no weights")
    network = _network(_recipe("mobilenetv2", "input_size=32"))
    for name in ("other.keras", "text.h5"):
        with pytest.raises(SourceError, match=rf"{name}: .*does not fit the backbone \(2,257,984 parameters"):
            load_pretrained(network, tmp_path / name)


def test_a_weights_file_that_is_not_there_is_named() -> None:
    from stressvision_training.architectures.pretrained import pretrained_file

    with pytest.raises(SourceError, match=r"'gone\.h5': no such file; or name imagenet, vggface or none"):
        pretrained_file(_recipe("vggface-features", "weights=gone.h5").architecture)
    assert pretrained_file(_recipe("vggface-features", "weights=none").architecture) is None
    assert pretrained_file(_recipe("simple-cnn").architecture) is None


def test_without_internet_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stressvision_training.architectures.pretrained import pretrained_file

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    asked = _recipe("mobilenetv2").architecture
    with pytest.raises(SourceError, match=r"cannot be reached.*weights=FILE.*from scratch.*weights=none"):
        pretrained_file(asked)
    kept = tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"
    assert list(kept.parent.iterdir()) == []
    kept.write_bytes(b"fetched before")
    assert pretrained_file(asked) == kept


def test_a_download_that_breaks_off_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stressvision_training.architectures.pretrained import _downloaded

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(bytes(400))

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(SourceError, match=r"400 of 1000 bytes came.*Give a file"):
            _downloaded(f"http://127.0.0.1:{server.server_port}/weights.h5")
    assert list((tmp_path / "models").iterdir()) == []


def test_from_scratch_the_signal_lives_through_the_backbone() -> None:
    import keras

    faces, sizes = _faces(48), {}
    for weights in ("none", "vggface"):  # the latter are named, and not loaded
        network = _network(_recipe("vggface-features", "input_size=48", f"weights={weights}"))
        behind = keras.Model(network.inputs[0], network.get_layer("pool").output)
        sizes[weights] = float(np.asarray(behind(faces)).mean() / np.abs(network.get_layer("normalise")(faces)).mean())
    assert 0.1 < sizes["none"] < 10
    assert sizes["vggface"] < 0.02


def test_from_scratch_normalisations_learn_within_an_epoch() -> None:
    from stressvision_training.architectures.backbone import backbone_of

    for weights, momentum in (("none", 0.97), ("imagenet", 0.999)):
        part = backbone_of(_network(_recipe("mobilenetv3-small", "input_size=32", f"weights={weights}")))
        assert {layer.momentum for layer in part.layers if hasattr(layer, "momentum")} == {momentum}


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")  # TensorFlow's; they come as faces
@pytest.mark.parametrize("name", ["simple-cnn", "inverted-residual", "recurrent-cnn", "custom-light"])
def test_it_becomes_integers_throughout(name: str, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from stressvision_training.architectures.network import for_device
    from stressvision_training.exporting.quantise import to_int8

    recipe = _recipe(name, "input_size=48")
    scheme = "fer7" if recipe.heads[0].classes == "fer7" else "company5"
    device = for_device(_network(recipe), recipe.architecture, scheme)
    content = to_int8(device, np.random.default_rng(2).integers(0, 256, (8, 48, 48), np.uint8))
    interpreter = Interpreter(model_content=content)
    assert not [found["name"] for found in interpreter.get_tensor_details() if found["dtype"] == np.float32]
    assert list(interpreter.get_input_details()[0]["shape"]) == [1, 48, 48, 1]
