"""The model card: what the model is for and not for, and what it scored, with the commands that say so."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stressvision_contracts.labels import COMPANY5, FER7, LabelScheme
from stressvision_contracts.manifest import Manifest
from stressvision_training.evaluation.benchmark import machine
from stressvision_training.evaluation.truth import RULES, SAYINGS
from stressvision_training.exporting.aims import Aim, aimed
from stressvision_training.exporting.gates import Gate

SCORES: Final[dict[str, str]] = {
    "rows": "faces with one label",
    "accuracy": "accuracy, all sources, by the rule that the scheme follows",
    "macro_f1": "macro-F1, likewise",
    "ece": "expected calibration error, likewise, 15 bins",
    "own_accuracy": "accuracy, all sources, by the labels that the data came with",
    "fer2013_accuracy": "accuracy on FER-2013 rows, FER-2013's own labels",
    "custom_accuracy": "accuracy on company pictures, their own labels",
    **{f"ferplus_{rule}_accuracy": f"accuracy on FER-2013 rows, {SAYINGS[rule]}" for rule in RULES},
    **{f"ferplus_{rule}_macro_f1": f"macro-F1 on FER-2013 rows, {SAYINGS[rule]}" for rule in RULES},
    "ferplus_consensus_ece": "expected calibration error by FER+ consensus",
    **{f"recall_{label}": f"recall of {label}, by the rule that the scheme follows" for label in (*COMPANY5, *FER7)},
    "fer2013_as_company5_accuracy": "summed into the company's classes: accuracy, FER-2013's own labels",
    **{
        f"ferplus_{rule}_as_company5_accuracy": f"summed into the company's classes: accuracy, {SAYINGS[rule]}"
        for rule in RULES
    },
    "fatigue_recall": "fatigue recall, people not trained on",
    "fatigue_false_on_fer2013": "FER-2013 faces taken for fatigue",
    "fatigue_false_on_alert_controls": "alert controls taken for fatigue",
    "fatigue_balanced_against_alert": "fatigue against alert controls, balanced accuracy",
}

TAUGHT: Final[dict[str, str]] = {
    "fer2013": "FER-2013's labels",
    "majority": "what more than half of FER+'s voters saw",
    "votes": "FER+'s votes, and so says what most people see",
    "mixture": "a mixture of FER-2013's labels and FER+'s votes",
}

USE: Final[dict[LabelScheme, str]] = {
    "company5": """- Trends of apparent expression over groups and shifts, and lasting signs of tiredness for safety.
- Not for decisions about a person: not for hiring, pay, discipline or performance. A face is no measure of what someone
  feels; a frown of concentration can read as `stress`. Not medical advice.
- `stress` means a tense-looking face (FER-2013's angry, fear and disgust), `neutral` includes surprise, `fatigue` means
  closed eyes or a yawn in one frame. Only signs that last become an episode.""",
    "fer7": """- To compare with published figures on FER-2013. Devices run the model of the company's classes.
- Not for decisions about a person: not for hiring, pay, discipline or performance. A face is no measure of what someone
  feels. Not medical advice.""",
}

LEARNT: Final[dict[LabelScheme, str]] = {
    "company5": """FER-2013 has no tired faces: `fatigue` was learnt from pictures named `custom:`, split by person;
alert controls were learnt as "anything but fatigue".""",
    "fer7": "Company pictures, if any, taught the layers that this model shares with that of the company's classes.",
}

PREPARED: Final = "--fer2013 fer2013.csv --ferplus fer2013new.csv --custom PICTURES"

CHOSEN: Final[dict[LabelScheme, str]] = {
    "company5": "the temperature ({temperature}) and what is\nadded to logits ({offsets})",
    "fer7": "the temperature ({temperature})",
}

OWN_LIMITS: Final[dict[LabelScheme, str]] = {
    "company5": """- `stress` and `sad` are often read as `neutral`, and as each other.
- Closed eyes and acted yawns stand in for tiredness, and most yawns are missed. Laughing with closed
  eyes, looking down and talking are its likely false alarms.""",
    "fer7": "- `fear`, `sad` and `neutral` are often read as each other; `disgust` is rare in the data.",
}

TEXT = """# Model {version}

Reads the *apparent expression* of one face ({side}x{side} grey) as {labels}. INT8, {size:.2f} MB.

## Use

{use}

## Data

{sources}; {rows} training rows. {votes}

{learnt} Training rows with the same pixels as a test row were dropped. Where FER-2013's own
split parts near-duplicates they stay parted, unless `prepare --drop-near` made the data. {licence}

## Aims and cost

{aims}
On one thread a face takes {p50_ms:.2f} ms (p50; p95 {p95_ms:.2f}) in {runtime} on {timed_on}.
{parameters:,} parameters, {mmac:.0f} million multiply-accumulates a face.

## Figures

The INT8 file itself, through the device's classifier. `validation` chose {chosen},
the other columns chose nothing. In `test`, FER-2013 is {usages} and company
pictures show other people than in training. In brackets: 95 % intervals, from 2,000 draws of persons or near-duplicate
groups. The headline goes by: {judged_by}.

{scores}

Gates at export:

{gates}

    stressvision-train prepare {prepared}
{fits}
    stressvision-train export RUN --labels {scheme} --version {version} --out MODEL
    stressvision-train evaluate MODEL/{file} --data DATA --split test
    stressvision-train benchmark MODEL/{file}

Exported on {machine}; seed {seed}. The digests of data, calibration faces and model are in `manifest.json`.

## Limits

- FER-2013's labels are noisy: they and FER+'s votes disagree on more than a third of the rows, so a figure means
  little without its labels.
{limits}
- Web portraits, not workstation cameras: expect less in the field, and measure it there before trusting a trend.
- Who is under-represented was not audited. A rough frontal face of 48 pixels or more is needed.
"""


def write_card(out: Path, manifest: Manifest, gates: list[Gate]) -> None:
    """Write `README.md` beside the model from its manifest and gates."""
    made, scheme = manifest.provenance, manifest.label_scheme
    votes = f"What tells the labels apart, the head `{made['head']}`, learnt from {TAUGHT[made['taught']]}."
    text = TEXT.format(
        version=manifest.version,
        labels=", ".join(f"`{label}`" for label in manifest.labels),
        size=manifest.size_bytes / 1e6,
        sources="Sources: " + ", ".join(made["sources"]),
        rows=made["train_rows"],
        votes=votes,
        licence=manifest.licence_note,
        aims=_aim_table(scheme, manifest.scores["int8"].get("test", {})),
        parameters=made["parameters"],
        mmac=made["mmac"],
        **manifest.scores["speed"],
        scores=_score_table(manifest.scores["int8"], manifest.scores["intervals"]),
        judged_by=manifest.scores["judged_by"].get("test") or next(iter(manifest.scores["judged_by"].values())),
        side=manifest.input.height,
        scheme=scheme,
        use=USE[scheme],
        learnt=LEARNT[scheme],
        chosen=CHOSEN[scheme].format(temperature=manifest.temperature, offsets=_offsets(made["offsets"])),
        limits=OWN_LIMITS[scheme],
        gates="\n".join(f"- {gate.name}: {_figure(gate)} (bar {gate.bar})" for gate in gates),
        prepared=" ".join([PREPARED, *made["prepared"], "--out DATA"]),
        fits="\n".join(f"    {command}" for command in _fits(made)),
        usages=" and ".join(made["test_usages"]) or "absent",
        file=manifest.file,
        machine=machine(),
        seed=made["seed"],
    )
    (out / "README.md").write_text(text, encoding="utf-8")


def _offsets(added: dict[str, float]) -> str:
    return ", ".join(f"{label} {offset:.1f}" for label, offset in added.items()) or "nothing"


def _fits(made: Mapping[str, Any], out: str = "RUN", leg: int = 1, taught: int = 0) -> list[str]:
    """Return the commands that trained it; a run may have begun with another's network, or have had teachers.

    `leg` is counted from the last run back, `taught` are the teachers named in those before.
    """
    lines = []
    command = f"stressvision-train fit --recipe training/recipes/{made['recipe']} --data DATA --out {out}"
    command += "".join(f" --set {shlex.quote(change)}" for change in made["changes"])
    begun = made["init"] or {}
    before = f"BEGUN{leg}/final_model.keras" if begun.get("recipe") else "NETWORK.keras"
    known = begun.get("sha256")
    names = [
        before if known and teacher.get("sha256") == known else f"TEACHER{taught + number}.keras"
        for number, teacher in enumerate(made["teachers"], 1)
    ]
    if made["teachers_are_live"]:
        command += "".join(f" --teacher {name}" for name in names)
    elif names:
        lines.append(f"stressvision-train teach {' '.join(names)} --data DATA --out LESSONS-OF-{out}.npz")
        command += f" --lessons LESSONS-OF-{out}.npz"
    if begun.get("recipe"):
        lines += _fits(begun, f"BEGUN{leg}", leg + 1, taught + len(names))
    if begun:
        command += f" --init {before}"
    if made.get("epochs", 0) < made.get("of_epochs", 0):
        command += f"   # stopped after epoch {made['epochs']}"
    return [*lines, command]


def _score_table(scores: dict[str, dict[str, Any]], sure: dict[str, dict[str, list[float]]]) -> str:
    names = list(dict.fromkeys(name for short in scores.values() for name in short))
    lines = ["| | " + " | ".join(scores) + " |", "|---|" + "---|" * len(scores)]
    for name in names:
        cells = [_cell(name, short.get(name), sure[split].get(name)) for split, short in scores.items()]
        lines.append(f"| {SCORES.get(name, name.replace('_', ' '))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _aim_table(scheme: LabelScheme, scores: Mapping[str, Any]) -> str:
    rows = [_aim_row(aim, figure) for aim, figure in aimed(scheme, scores)]
    return "\n".join(["| on `test` | INT8 | aim | |", "|---|---|---|---|", *rows, ""]) if rows else ""


def _aim_row(aim: Aim, figure: float) -> str:
    met = "met" if aim.reached(figure) else "missed"
    return f"| {SCORES[aim.score]} | {figure:.4f} | {'>=' if aim.least else '<='} {aim.bar} | {met} |"


def _cell(name: str, value: float | None, sure: list[float] | None) -> str:
    if value is None:
        return ""
    if name == "rows":
        return f"{value:.0f}"
    ece = name.endswith("ece")
    shown = [f"{part:.3f}" if ece else f"{100 * part:.1f}" for part in (value, *(sure or []))]
    return shown[0] + ("" if ece else " %") + (f" ({shown[1]} to {shown[2]})" if sure else "")


def _figure(gate: Gate) -> str:
    if gate.met is None:
        return "not tried, one interpreter is missing"
    return f"{gate.figure:.4f}" if isinstance(gate.figure, float) else str(gate.figure)
