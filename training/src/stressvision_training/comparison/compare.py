"""Set runs and models side by side: how large, how fast, how good in float and INT8, and what it took to train them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_training.architectures.complexity import macs
from stressvision_training.architectures.network import heads_of, load_network, side_of
from stressvision_training.data.dataset import Dataset, read_dataset
from stressvision_training.data.rows import SIDE, SourceError
from stressvision_training.evaluation.benchmark import benchmark
from stressvision_training.evaluation.metrics import scores
from stressvision_training.evaluation.predictor import FloatPredictor, Int8Predictor, answers
from stressvision_training.evaluation.truth import RULES, SAYINGS, Rule, headline_rule, truth_for
from stressvision_training.exporting.export import PARTIAL, REFUSED
from stressvision_training.exporting.offsets import shift
from stressvision_training.fitting.recipe import Head, Recipe, read_recipe
from stressvision_training.fitting.run_folder import BEST, EXPERIMENT, FINAL, RECIPE, facts_of, history_of
from stressvision_vision.classifier import MANIFEST_NAME

JUDGED_BY: Final[dict[LabelScheme, tuple[Rule, ...]]] = {"fer7": ("own",), "company5": ("own", "consensus")}
LATENCY_RUNS: Final = 200

Probabilities = NDArray[np.float32]
Report = Callable[[str], None]


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one file over the rows to which the rule gives a label."""

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    ece: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One model under one rule; what is not known or not made yet is None."""

    model: str
    scheme: LabelScheme
    judged_by: str
    rows: int
    parameters: int | None = None
    mmac: float | None = None
    side: int
    keras_bytes: int | None = None
    int8_bytes: int | None = None
    whole: Quality | None = None
    int8: Quality | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    train_minutes: float | None = None
    taught: str = ""
    seed: int | None = None
    budget: str = ""
    begins: str = ""


class Subject(msgspec.Struct, kw_only=True):
    """What is compared: a run with its exports, a network alone, or a model folder alone."""

    name: str
    network: Path | None = None
    facts: dict[str, Any] = {}
    recipe: Recipe | None = None
    epochs: list[dict[str, Any]] = []
    exported: dict[LabelScheme, Path] = {}


def compare(paths: list[Path], data: Path | None, split: str, report: Report = lambda _: None) -> list[Line]:
    """Return a line per model, label scheme and rule, judged on `split` of `data`, or of the data of each run.

    A run's exports are looked for in the folders within it; its network is given what they add to logits, but no
    temperature: its ECE is that of a network as trained. `SourceError` says what a path lacks.
    """
    lines: list[Line] = []
    for path in paths:
        subject = subject_of(path)
        report(subject.name)
        folder = data or Path(subject.facts.get("data_folder", ""))
        if data is None and not subject.facts:
            raise SourceError(f"{path}: does not say which data to judge it on; give --data")
        found = list(_lines(subject, read_dataset(folder).part(split)))
        if not found:
            raise SourceError(f"{path}: has no head of ours, or no row of {split} has its labels; try `evaluate`")
        lines += found
    return lines


def subject_of(path: Path) -> Subject:
    """Return what lies at `path`."""
    if path.suffix == ".keras":
        run = path.parent if path.name == FINAL else path.parent.parent
        known = (run / EXPERIMENT).is_file() and path in (run / FINAL, run / BEST)
        return subject_of(run) if known else Subject(name=path.stem, network=path)
    if (path / EXPERIMENT).is_file():
        return _run(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / MANIFEST_NAME).is_file():
        raise SourceError(f"{path}: is no run ({EXPERIMENT}), no .keras network and no model with its {MANIFEST_NAME}")
    manifest = _manifest(folder)
    recipe = Path(str(manifest.provenance.get("recipe", folder.name))).stem
    return Subject(name=f"{recipe} {manifest.version}", exported={manifest.label_scheme: folder})


def _run(path: Path) -> Subject:
    if not (path / BEST).is_file():
        raise SourceError(f"{path}: the run has no {BEST} yet; its first epoch is not over")
    facts = facts_of(path)
    whole = (found.parent for found in path.glob(f"*/{MANIFEST_NAME}") if found.parent.suffix not in (PARTIAL, REFUSED))
    folders = sorted(whole)
    return Subject(
        name=Path(facts["recipe"]).stem,
        network=path / BEST,
        facts=facts,
        recipe=read_recipe(path / RECIPE),
        epochs=history_of(path),
        exported={_manifest(folder).label_scheme: folder for folder in folders},
    )


def _manifest(folder: Path) -> Manifest:
    return read_manifest((folder / MANIFEST_NAME).read_bytes())


def _lines(subject: Subject, part: Dataset) -> Iterator[Line]:
    if subject.network is None:
        for only in subject.exported:
            yield from _judged(subject, part, only, {}, None)
        return
    network = load_network(subject.network)
    side = side_of(network) or (subject.recipe.architecture.input_size if subject.recipe else SIDE)
    size = {
        "parameters": network.count_params(),
        "mmac": macs(network, side) / 1e6,
        "keras_bytes": subject.network.stat().st_size,
        "side": side,
    }
    for head in heads_of(network):
        scheme: LabelScheme = "fer7" if head == "fer7" else "company5"
        asked = (
            next((found for found in subject.recipe.heads if found.classes == head), None) if subject.recipe else None
        )
        if scheme in subject.exported:  # float and INT8 then decide alike
            made = _manifest(subject.exported[scheme]).provenance
            shift(network, head, made.get("offsets", {"fatigue": made.get("fatigue_offset", 0.0)}))  # as it was before
        whole = FloatPredictor(network, subject.network, scheme, side)
        yield from _judged(subject, part, scheme, size | _training(subject, asked), answers(whole, part))


def _training(subject: Subject, head: Head | None) -> dict[str, Any]:
    if subject.recipe is None or head is None:
        return {}
    recipe, facts = subject.recipe, subject.facts
    share = f" {head.votes:.0%} votes" if head.labels == "mixture" else ""
    teachers = len(facts.get("teachers", []))
    taught = f" and {teachers} teacher{'s' * (teachers > 1)}" if teachers else ""
    done = len(subject.epochs)
    epochs = f"{done} epochs" if done == recipe.epochs else f"{done} of {recipe.epochs} epochs"
    rows = f"{recipe.rows.limit:,} rows" if recipe.rows.limit else "all rows"
    policy = facts.get("policy", recipe.precision)
    precision = "" if policy == "float32" else f", {policy.removeprefix('mixed_')}"
    return {
        "train_minutes": sum(epoch["seconds"] for epoch in subject.epochs) / 60,
        "taught": f"{head.classes}: {head.labels}{share}{taught}",
        "seed": recipe.seed,
        "budget": f"{epochs}, {rows}, {recipe.architecture.input_size} px{precision}",
        "begins": str(facts.get("begins", "")),
    }


def _judged(
    subject: Subject, part: Dataset, scheme: LabelScheme, known: dict[str, Any], whole: Probabilities | None
) -> Iterator[Line]:
    folder = subject.exported.get(scheme)
    int8 = None
    if folder is not None:
        asked = Int8Predictor(folder)
        int8 = answers(asked, part)
        timed = benchmark(folder, LATENCY_RUNS)
        known = {"side": asked.side} | known | {"int8_bytes": timed["size_bytes"]}
        known |= {"p50_ms": timed["p50_ms"], "p95_ms": timed["p95_ms"]}
    for rule in JUDGED_BY[scheme]:
        is_headline = rule == headline_rule(part, scheme)
        truth = truth_for(part, scheme) if is_headline else RULES[rule](part, scheme)
        there = truth >= 0
        if (rule != "own" and not part.votes.any()) or not there.any():
            continue
        yield Line(
            model=subject.name,
            scheme=scheme,
            judged_by=SAYINGS[rule],
            rows=int(there.sum()),
            whole=_quality(whole, truth, scheme),
            int8=_quality(int8, truth, scheme),
            **known,
        )


def _quality(given: Probabilities | None, truth: NDArray[np.int64], scheme: LabelScheme) -> Quality | None:
    if given is None:
        return None
    found = scores(given[truth >= 0], truth[truth >= 0], LABELS[scheme])
    return Quality(**{name: found[name] for name in Quality.__struct_fields__})
