"""One job from its pictures to its candidate."""

import logging
import shutil
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from stressvision_contracts.labels import LABELS
from stressvision_trainer import metrics
from stressvision_trainer.champion import fetch_champion
from stressvision_trainer.children import ChildError, Record, run_child
from stressvision_trainer.control import Control
from stressvision_trainer.errors import CancelledError, ChangedError, ControlError, JobError
from stressvision_trainer.fetching import fetch_pictures
from stressvision_trainer.folders import HISTORY, Folders, data_digest
from stressvision_trainer.holding import Held
from stressvision_trainer.settings import Settings
from stressvision_trainer.tracking import Tracking
from stressvision_training.data.frozen import keep_frozen

MOST_RESTARTS: Final = 3
"""Of a fit that was killed, within one claim."""
MOST_FIGURES: Final = 60
"""Of an epoch, that the control API takes."""
FEW: Final = 100
"""Pictures of a class below which a run is warned of."""

_log = logging.getLogger(__name__)


def run_job(control: Control, held: Held, settings: Settings, tracking: Tracking) -> None:
    """Publish the model of the job. Raise `StopError`, `JobError` or `ChangedError` (see `errors`)."""
    claim, base = held.claim, settings.base_data
    if base is not None and not (base / "metadata.json").is_file():
        raise JobError(f"{base} holds no prepared data; STRESSVISION_TRAINER_BASE_DATA names what `prepare` wrote")
    folders = Folders(settings.folder, claim, data_digest(claim, base))
    earlier = folders.begin()
    if earlier is not None:
        held.say(f"goes on from the last checkpoint of claim {earlier}")
    _prepare(control, held, folders, base)
    _fit(control, held, folders, _teach(held, folders, settings.teacher), tracking)
    _judge(control, held, folders, settings, tracking)
    if folders.data_digest != data_digest(claim, base):
        raise ChangedError(f"the base data in {base} have changed since the run began")
    _publish(control, held, folders)
    tracking.add_files(sorted((folders.candidate / "report").iterdir()))


def _prepare(control: Control, held: Held, folders: Folders, base: Path | None) -> None:
    if (folders.data / "metadata.json").is_file():
        return
    held.report(stage="fetch")
    crops, whole = fetch_pictures(control, held, folders.pictures)
    held.report(stage="prepare")
    words = [str(folders.data)]
    given = {"--base": base, "--crops": crops, "--whole": whole, "--splits": folders.splits}
    for option, path in given.items():
        words += [option, str(path)] if path is not None else []
    run_child(held, "stressvision_trainer.preparation", words, lambda record: _tell_prepared(held, record))
    shutil.rmtree(folders.pictures, ignore_errors=True)


def _tell_prepared(held: Held, record: Record) -> None:
    facts = record["prepared"]
    held.say(f"{facts['rows']} faces: {_by_split(facts['counts'])}")
    for reason, number in (facts["skipped"]["counts"] | facts["dropped"]).items():
        held.say(f"left out: {number} {reason}")
    for warning in facts["warnings"]:
        held.say(f"warning: {warning}")
    own: dict[str, int] = {}
    for each in facts["counts"]:
        if each["source"] == "custom:platform":
            own[each["label"]] = own.get(each["label"], 0) + each["rows"]
    for label, number in sorted(own.items()):
        if number < FEW:
            held.say(f"warning: only {number} company pictures of {label}; {FEW} or more are asked")


def _by_split(counts: list[dict[str, Any]]) -> str:
    totals: dict[str, int] = {}
    for each in counts:
        totals[each["split"]] = totals.get(each["split"], 0) + each["rows"]
    return ", ".join(f"{number} {split}" for split, number in totals.items())


def _teach(held: Held, folders: Folders, teacher: Path | None) -> Path | None:
    """What the teacher says of the training faces, for a recipe that learns from one; None where there is none."""
    recipe = tomllib.loads(held.claim.recipe_text)
    if teacher is None or "distillation" not in recipe or "distillation=" in held.claim.changes:
        return None
    lessons = folders.data.with_name(f"{folders.data.name}-lessons.npz")
    if not lessons.is_file():
        held.report(stage="teach")
        words = ["teach", str(teacher), "--data", str(folders.data), "--out", str(lessons), "--json"]
        run_child(held, "stressvision_training", words, lambda _: None)
    return lessons


def _fit(control: Control, held: Held, folders: Folders, lessons: Path | None, tracking: Tracking) -> None:
    """Train, or go on. A child that was killed is started again, and goes on from its checkpoint."""
    held.report(stage="fit")
    folders.recipe.write_text(held.claim.recipe_text, encoding="utf-8")
    words = ["fit", "--recipe", str(folders.recipe), "--data", str(folders.data), "--out", str(folders.run), "--json"]
    words += [word for change in held.claim.changes for word in ("--set", change)]
    words += ["--lessons", str(lessons)] if lessons is not None else []
    tracking.begin(held.claim, folders)
    for restart in range(MOST_RESTARTS + 1):
        _catch_up(control, held, folders)
        try:
            run_child(held, "stressvision_training", words, lambda record: _tell_epoch(held, tracking, record))
            _catch_up(control, held, folders)
            return
        except ChildError as error:
            if not error.killed or restart == MOST_RESTARTS:
                raise
            metrics.CHILD_RESTARTS.inc()
            held.say(f"fit was {error}; it goes on from its last checkpoint")
            held.wait(1.0)


def _catch_up(control: Control, held: Held, folders: Folders) -> None:
    """Tell of epochs that are in a checkpoint, and of which nobody was told before a kill."""
    history = folders.run / HISTORY
    if history.is_file():
        told = control.epochs_told(held.claim.id)
        for record in msgspec.json.decode(history.read_bytes(), type=list[Record]):
            if record["epoch"] not in told:
                held.say(_line(record))
                held.report(epoch=_brief(record), eta_s=record["eta_seconds"])


def _tell_epoch(held: Held, tracking: Tracking, record: Record) -> None:
    if "epoch" not in record:
        return
    held.say(_line(record))
    held.mention(epoch=_brief(record), eta_s=record["eta_seconds"])
    tracking.add_epoch(record)


def _brief(record: Record) -> Record:
    """An epoch's figures, but for the last ones of a scheme: pictures of many sources have more than are taken."""
    own = {name: value for name, value in record.items() if not name.startswith(tuple(LABELS))}
    others = [(name, value) for name, value in record.items() if name not in own]
    return own | dict(others[: MOST_FIGURES - len(own)])


def _line(record: Record) -> str:
    return (
        f"epoch {record['epoch']}/{record['epochs']}: loss {record['loss']:.3f}, accuracy {record['accuracy']:.3f}, "
        f"macro-F1 {record['macro_f1']:.3f}, {record['seconds']:.0f} s, {record['eta_seconds'] / 60:.1f} min left"
    )


def _judge(control: Control, held: Held, folders: Folders, settings: Settings, tracking: Tracking) -> None:
    held.report(stage="export", eta_s=0)
    champion = fetch_champion(control, held, folders.run / "champion")
    words = [str(folders.run), "--data", str(folders.data), "--out", str(folders.candidate)]
    words += ["--version", held.claim.version, "--runs", str(settings.benchmark_runs)]
    words += ["--champion", str(champion)] if champion is not None else []

    def hear(record: Record) -> None:
        if "stage" in record:
            held.report(stage=record["stage"])
        elif "judged" in record:
            _tell_judged(held, tracking, record["judged"])

    run_child(held, "stressvision_trainer.judging", words, hear)


def _tell_judged(held: Held, tracking: Tracking, judged: Record) -> None:
    unmet, untried = judged.pop("unmet_gates"), judged.pop("untried_gates")
    held.say(", ".join(f"{name} {value:.4f}" for name, value in judged.items()))
    for gate in unmet:
        held.say(f"gate not met: {gate}")
    for gate in untried:
        held.say(f"gate not tried, for there are too few faces: {gate}")
    tracking.add_results(judged | {"unmet_gates": len(unmet)})


def _publish(control: Control, held: Held, folders: Folders) -> None:
    held.report(stage="publish")
    reports = sorted((folders.candidate / "report").iterdir())
    held.flush()
    try:
        control.publish(held.claim, folders.candidate, reports)
    except ControlError as error:
        if error.field == "dataset_digest":
            raise ChangedError(str(error)) from error
        if error.field == "state":
            raise CancelledError from error
        raise
    try:
        keep_frozen(folders.data, folders.splits)
    except OSError:
        _log.exception("who is in which split could not be kept", extra={"job": held.claim.id})  # published it is
