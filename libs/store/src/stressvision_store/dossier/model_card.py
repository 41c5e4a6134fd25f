"""Chapters 4 and 5: what the model in use is, how well it does, and for whom that is not known."""

from typing import Any, Final

from stressvision_store.dossier.document import Block, Grid, Section, Text, Voice, dig
from stressvision_store.dossier.facts import Facts
from stressvision_store.dossier.impact import device_scores

SINGLE: Final = ("accuracy", "macro_f1", "ece")
FALSE_ALARMS: Final = ("fatigue_false_on_fer2013", "fatigue_false_on_alert_controls")
BY_SOURCE: Final = ("custom_accuracy", "fer2013_accuracy", "fatigue_recall_", "fatigue_false_on_")
"""How the names of scores begin that are about one source of data."""


def chapters(facts: Facts, say: Voice) -> list[Section]:
    if not facts["manifests"]:
        unknown = [say.section(key, say.text("no_model"), level=2) for key in ("card", "accuracy")]
        return [*unknown, _field(facts, say)]
    sections = [say.section("card", level=2)]
    for version, manifest in facts["manifests"].items():
        sections.append(Section(3, f"{say('version')} {version}", tuple(_card(facts, version, manifest, say))))
    sections.append(say.section("accuracy", level=2))
    for version, manifest in facts["manifests"].items():
        blocks = (*_accuracy(manifest, say), *_mistakes(facts["mistakes"][version], manifest["labels"], say))
        sections.append(Section(3, f"{say('version')} {version}", blocks))
    return [*sections, _bias(facts, say), _field(facts, say)]


def _card(facts: Facts, version: str, manifest: dict[str, Any], say: Voice) -> list[Block]:
    (row,) = [model for model in facts["models"] if model["version"] == version]
    shape, sources = manifest["input"], dig(manifest, "provenance", "sources")
    learnt = ", ".join(map(str, sources)) if isinstance(sources, list) and sources else say("unknown")
    pairs = [
        (say("state"), row["state"]),
        (say("digest"), manifest["digest"]),
        (say("size"), say.number(manifest["size_bytes"])),
        (say("running_on"), say.number(row["devices"])),
        (say("labels"), ", ".join(manifest["labels"])),
        (say("meaning"), say("meaning_says")),
        (say("input"), f"{shape['height']} x {shape['width']} x {shape['channels']}"),
        (say("use"), say("use_says")),
        (say("no_use"), say("no_use_says")),
        *((say("rule", condition=name), _rule(rule, say)) for name, rule in manifest.get("episodes", {}).items()),
        (say("sources"), learnt),
        (say("train_rows"), say.number(dig(manifest, "provenance", "train_rows"))),
        (say("licence"), manifest.get("licence_note") or say("unknown")),
    ]
    kept = [
        (each["name"], say.number(each["size_bytes"]), each["digest"])
        for each in facts["model_reports"]
        if each["version"] == version
    ]
    grid = say.grid(("document", "bytes", "digest"), kept, (0.3, 0.15, 0.55)) if kept else say.text("no_reports")
    return [say.pairs(pairs), say.text("reports"), grid]


def _rule(rule: dict[str, Any], say: Voice) -> str:
    figures = {"enter": say.share(rule["enter_share"]), "window": rule["window_s"], "min": rule["min_s"]}
    return say("rule_says", on=rule["on"], **figures)


def _accuracy(manifest: dict[str, Any], say: Voice) -> list[Block]:
    test = device_scores(manifest)
    if not test:
        return [say.text("no_scores")]
    intervals = dig(manifest, "scores", "intervals", "test")
    judged_by = dig(manifest, "scores", "judged_by", "test") or say("unknown")
    rows = [(say("m_rows"), say.number(test.get("rows")))]
    rows += [(say(f"m_{name}"), _scored(test, intervals, name, say)) for name in SINGLE]
    rows += [
        (say("m_recall", label=label), _scored(test, intervals, f"recall_{label}", say)) for label in manifest["labels"]
    ]
    rows += [(say(f"m_{name}"), _scored(test, intervals, name, say)) for name in FALSE_ALARMS]
    return [say.text("accuracy_1", judged_by=judged_by), say.grid(("measure_name", "value"), rows, (0.6, 0.4))]


def _mistakes(counts: list[list[int]] | None, labels: list[str], say: Voice) -> list[Block]:
    if counts is None:
        return [say.text("no_mistakes")]
    rows = tuple((label, *(say.number(count) for count in line)) for label, line in zip(labels, counts, strict=True))
    widths = (0.25, *(0.75 / len(labels) for _ in labels))
    return [say.text("mistakes"), Grid((say("true_label"), *labels), rows, widths)]


def _scored(scores: dict[str, Any], intervals: Any, name: str, say: Voice) -> str:
    said = say.share(scores.get(name), "not_measured")
    match dig(intervals, name):
        case [low, high] if name in scores:
            return f"{said} ({say.share(low)} … {say.share(high)})"
    return said


def _bias(facts: Facts, say: Voice) -> Section:
    blocks: list[Block] = [say.text("bias_1")]
    for version, manifest in facts["manifests"].items():
        test = device_scores(manifest)
        intervals = dig(manifest, "scores", "intervals", "test")
        rows = [
            (say(f"m_{prefix}", source=name.removeprefix(prefix)), _scored(test, intervals, name, say))
            for prefix in BY_SOURCE
            for name in sorted(test)
            if name.startswith(prefix) and name not in FALSE_ALARMS
        ]
        if rows:
            blocks += [Text(f"{say('version')} {version}"), say.grid(("source", "value"), rows, (0.6, 0.4))]
        groups = dig(manifest, "scores", "groups")
        if isinstance(groups, dict) and groups:
            known = [(name, _figures(found)) for name, found in sorted(groups.items())]
            blocks += [say.text("known_groups"), say.grid(("group", "value"), known, (0.3, 0.7))]
    return say.section("bias", *blocks, say.text("unknown_groups"))


def _figures(found: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in found.items()) if isinstance(found, dict) else str(found)


def _field(facts: Facts, say: Voice) -> Section:
    rows = [
        (
            f"{rule['rule']} ({rule['version']})",
            say.number(rule["alerts"]),
            say.number(rule["judged"]),
            say.number(rule["right"]),
            say("too_few")
            if rule["right_share"] is None
            else f"{say.share(rule['right_share'])} ({say.share(rule['right_low'])} … {say.share(rule['right_high'])})",
        )
        for rule in facts["rules"]
    ]
    keys = ("measure_name", "alerts", "judged", "right", "right_share")
    return say.section("field", say.grid(keys, rows) if rows else say.text("no_alerts"))
