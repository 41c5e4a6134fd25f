"""Export a run as the INT8 file that devices run, judged as they run it, with manifest and card."""

import hashlib
import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_contracts.manifest import InputSpec, Manifest
from stressvision_training.architectures.complexity import macs
from stressvision_training.architectures.network import for_device, head_for, load_network, logits_of, probabilities_of
from stressvision_training.data.dataset import Dataset, file_digest, read_dataset
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.benchmark import benchmark
from stressvision_training.evaluation.evaluate import judged_by, measure, recalls, summary, summary_intervals
from stressvision_training.evaluation.predictor import BarePredictor, Int8Predictor, answers
from stressvision_training.evaluation.truth import Truth, truth_for
from stressvision_training.exporting.calibration import fit_temperature
from stressvision_training.exporting.card import write_card
from stressvision_training.exporting.episodes import thresholds
from stressvision_training.exporting.gates import Gate, format_gate, integer_gate, quality_gates, runtime_gates
from stressvision_training.exporting.offsets import fit_offsets, shift
from stressvision_training.exporting.provenance import licence_note, provenance_of
from stressvision_training.exporting.quantise import representative, to_float, to_int8
from stressvision_training.exporting.runtimes import probabilities_in
from stressvision_training.fitting.recipe import read_recipe
from stressvision_training.fitting.run_folder import BEST, RECIPE, facts_of, history_of
from stressvision_vision.classifier import MANIFEST_NAME, RUNTIMES, Runtime

MODEL: Final = "model_int8.tflite"
Format = Literal["float16", "float32", "keras"]
FILES: Final[Mapping[Format, str]] = {
    "float16": "model_float16.tflite",
    "float32": "model_float32.tflite",
    "keras": "network.keras",
}
"""What may lie beside the INT8 file, which is always there: the same in floats, and the network that a fit begins with
or is taught by."""
PARTIAL: Final = ".partial"
"""Ends the name of a folder that an export is not done with."""
REFUSED: Final = ".refused"
"""Ends that of one which misses a gate, where a model lay that it may not take the place of."""


class Exported(NamedTuple):
    """What an export wrote, and where; some gates are perhaps unmet."""

    manifest: Manifest
    gates: list[Gate]
    folder: Path


def formats_of(text: str) -> list[Format]:
    """Return what `text` names beside `int8`, which needs no naming; `SourceError` on anything else."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in ("int8", *FILES)]
    if unknown:
        raise SourceError(f"--formats {text}: {', '.join(unknown)} is none of int8, {', '.join(FILES)}")
    return [name for name in FILES if name in names]


def export(
    run: Path,
    out: Path,
    version: str,
    data: Path | None = None,
    scheme: LabelScheme | None = None,
    formats: Sequence[Format] = (),
) -> Exported:
    """Write model, manifest and card of `run` to `out`, or beside it where a missed gate keeps the model there is.

    The data are those the run was trained on, from `data` or where they lay then. `scheme` chooses the head; by
    default it is that of the data. `formats` are written beside the INT8 file.
    """
    _needs_tensorflow()
    _check_version(version)
    if out.exists() and not out.is_dir():
        raise SourceError(f"{out}: is a file; name a folder")
    facts = facts_of(run)
    facts |= {"epochs": len(history_of(run)), "of_epochs": facts["numbers"]["epochs"]}
    dataset = read_dataset(data or Path(facts["data_folder"]))
    if dataset.digests != facts["data"]:
        raise SourceError(
            f"{run}: was trained on other data than lie in the data folder; name the right one with --data"
        )
    partial, refused = (out.resolve().with_name(f"{out.resolve().name}{end}") for end in (PARTIAL, REFUSED))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        manifest, gates = _made(run, facts, dataset, partial, version, scheme or dataset.scheme, formats)
    except Exception:
        shutil.rmtree(partial)
        raise
    missed = any(gate.met is False for gate in gates)
    folder = refused if missed and (out / MANIFEST_NAME).exists() else out
    _put(partial, folder)
    return Exported(manifest, gates, folder)


def _check_version(version: str) -> None:
    try:
        msgspec.convert(version, get_type_hints(Manifest, include_extras=True)["version"])
    except msgspec.ValidationError as error:
        raise SourceError(f"--version {version!r}: {error}") from error


def _put(partial: Path, out: Path) -> None:
    """Put a finished export in place: killed before, it leaves what was there; within, what the classifier refuses."""
    out.mkdir(exist_ok=True)
    for name in FILES.values():
        if not (partial / name).exists():
            (out / name).unlink(missing_ok=True)
    for file in sorted(partial.iterdir(), key=lambda file: file.suffix != ".tflite"):
        file.replace(out / file.name)
    partial.rmdir()


def _made(
    run: Path,
    facts: dict[str, Any],
    dataset: Dataset,
    out: Path,
    version: str,
    scheme: LabelScheme,
    formats: Sequence[Format],
) -> tuple[Manifest, list[Gate]]:
    recipe, network = read_recipe(run / RECIPE), load_network(run / BEST)
    validation = _asked(dataset.part("validation"), scheme)
    head = head_for(network, scheme)
    side, channels = recipe.architecture.input_size, recipe.architecture.channels
    faces, truth = validation.faces(side), truth_for(validation, scheme)
    if not (truth >= 0).any():
        raise SourceError(f"{run}: no validation row has a label of {scheme}, so nothing can be calibrated or judged")
    offsets = fit_offsets(logits_of(network, faces, head), validation, head)
    shift(network, head, offsets)
    device = for_device(network, recipe.architecture, scheme)
    calibration, calibration_digest = representative(dataset.part("train"), recipe.seed, side)
    content = to_int8(device, calibration)
    (out / MODEL).write_bytes(content)
    taught = next(asked.labels for asked in recipe.heads if asked.classes == head)
    provenance = provenance_of(facts, recipe.seed, calibration_digest, len(calibration), dataset)
    provenance |= {"head": head, "taught": taught, "offsets": offsets}
    provenance |= {"parameters": network.count_params(), "mmac": round(macs(network, side) / 1e6, 1)}
    fed = InputSpec(height=side, width=side, channels=channels, margin=0.0)
    manifest = _manifest(content, version, scheme, fed, provenance)
    _write(out, manifest)
    raw = Int8Predictor(out)(faces)
    manifest = msgspec.structs.replace(manifest, temperature=fit_temperature(raw[truth >= 0], truth[truth >= 0]))
    _write(out, manifest)
    whole = probabilities_of(network, faces, scheme)
    gates = [*_gates(out, whole, faces, truth), *_float_files(out, device, formats, scheme, whole, faces)]
    if "keras" in formats:
        shutil.copyfile(run / BEST, out / FILES["keras"])
    floats = {FILES[name]: file_digest(out / FILES[name]) for name in formats}
    scores = _scores(out, dataset, scheme, gates) | {"speed": _speed(out / MODEL)}
    manifest = msgspec.structs.replace(manifest, scores=scores, provenance=provenance | {"float_files": floats})
    _write(out, manifest)
    write_card(out, manifest, gates)
    return manifest, gates


def _asked(data: Dataset, scheme: LabelScheme) -> Dataset:
    """Leave out what a model is not for: company pictures have none of FER-2013's seven labels."""
    if scheme == data.scheme:
        return data
    return data.take(np.flatnonzero(~np.char.startswith(data.sources, "custom")))


def _float_files(
    out: Path,
    device: Any,
    formats: Sequence[Format],
    scheme: LabelScheme,
    whole: NDArray[np.float32],
    faces: NDArray[np.uint8],
) -> list[Gate]:
    gates = []
    for name in formats:
        if name == "keras":
            continue
        path = out / FILES[name]
        path.write_bytes(to_float(device, half=name == "float16"))
        gates.append(format_gate(name, whole, BarePredictor(path, scheme, "grey")(faces)))
    return gates


def _needs_tensorflow() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise SourceError(f"KERAS_BACKEND is {keras.backend.backend()}; TensorFlow alone writes TFLite files: unset it")


def _manifest(
    content: bytes, version: str, scheme: LabelScheme, fed: InputSpec, provenance: dict[str, Any]
) -> Manifest:
    return Manifest(
        version=version,
        file=MODEL,
        digest=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        label_scheme=scheme,
        labels=list(LABELS[scheme]),
        input=fed,
        episodes=thresholds(scheme),
        provenance=provenance,
        licence_note=licence_note(provenance),
    )


def _gates(out: Path, whole: NDArray[np.float32], images: NDArray[np.uint8], truth: Truth) -> list[Gate]:
    by_runtime: dict[Runtime, NDArray[np.float32]] = {
        runtime: probabilities_in(runtime, out, images)
        for runtime, module in RUNTIMES.items()
        if importlib.util.find_spec(module.split(".")[0]) is not None
    }
    int8 = by_runtime["litert"]
    gates = quality_gates(whole, int8, truth, truth >= 0, (out / MODEL).stat().st_size)
    from ai_edge_litert.interpreter import Interpreter

    return [*gates, *runtime_gates(int8, by_runtime.get("tflite")), integer_gate(Interpreter(str(out / MODEL)))]


def _scores(out: Path, dataset: Dataset, scheme: LabelScheme, gates: list[Gate]) -> dict[str, Any]:
    asked = Int8Predictor(out)
    parts = {split: dataset.part(split) for split in ("validation", "public", "test") if split in dataset.splits}
    parts = {split: part for split, part in parts.items() if (truth_for(part, scheme) >= 0).any()}
    reports = {split: measure(answers(asked, part), part, scheme) for split, part in parts.items()}
    return {
        "int8": {
            split: {name: round(value, 4) for name, value in (summary(report) | recalls(report)).items()}
            for split, report in reports.items()
        },
        "intervals": {
            split: {name: [round(end, 4) for end in pair] for name, pair in summary_intervals(report).items()}
            for split, report in reports.items()
        },
        "judged_by": {split: judged_by(report) for split, report in reports.items()},
        "gates": {gate.name: None if gate.met is None else round(gate.figure, 5) for gate in gates},
    }


def _speed(model: Path) -> dict[str, Any]:
    timed = benchmark(model)
    return {name: round(timed[name], 3) for name in ("p50_ms", "p95_ms")} | {
        "runtime": timed["runtime"],
        "timed_on": timed["machine"],
    }


def _write(out: Path, manifest: Manifest) -> None:
    (out / MANIFEST_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
