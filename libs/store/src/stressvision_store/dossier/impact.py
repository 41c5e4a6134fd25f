"""Chapters 1 and 2: what the system does, whom it concerns, and what its risks are, with evidence of today."""

from typing import Any, Final

from stressvision_store.dossier.document import Section, Voice, dig
from stressvision_store.dossier.facts import Facts
from stressvision_store.profiles import is_wider

RISKS: Final = ("pictures", "wrong", "bias", "hr", "looks", "consent", "secret", "audit", "age", "model")
QUESTIONS: Final = 8
LOOKS: Final = (".read", ".list", ".show", ".read_name", "look.open", "roster.export")
"""Actions of the audit that are a look at what is kept of people."""


def chapters(facts: Facts, say: Voice) -> list[Section]:
    return [
        say.section("about", say.text("about_1"), say.text("about_2"), level=2),
        say.section("system", *(say.text(f"system_{n}") for n in (1, 2, 3)), level=2),
        say.section("dpia", level=2),
        _scope(facts, say),
        say.section("need", *(say.text(f"need_{n}") for n in (1, 2, 3))),
        _risks(facts, say),
        say.section(
            "questions", say.pairs((say(f"question_{n}"), say("fill_in")) for n in range(1, QUESTIONS + 1))
        ),
    ]  # fmt: skip


def _scope(facts: Facts, say: Voice) -> Section:
    sites = [
        (
            site["site"],
            site["time_zone"],
            f"{site['profile']} ({say('since')} {say.day(site['profile_since'])})",
            *(say.number(site[name]) for name in ("areas", "stations", "devices", "employees")),
        )
        for site in facts["sites"]
    ]
    keys = ("site", "time_zone", "profile", "areas", "stations", "devices", "employees")
    (people,), (observed,), (fleet,) = facts["people"], facts["observed"], facts["fleet"]
    (objections,) = facts["objections"]
    figures = [
        (say("people_total"), say.number(people["employees"])),
        *(
            (say(name), say.number(people[name]))
            for name in ("with_consent", "withdrawn", "never_asked", "with_name", "with_badge")
        ),
        (say("observed_days"), f"{say.day(observed['first_day'])} … {say.day(observed['last_day'])}"),
        (say("observed_hours"), say.number(observed["observed_hours"])),
        (say("coverage"), say.share(observed["coverage"])),
        (say("fleet"), f"{fleet['devices']} / {fleet['revoked']} / {fleet['heard_lately']}"),
        (say("paused"), say.number(fleet["paused"])),
        (say("objections"), f"{objections['raised']} / {objections['open']} / {objections['upheld']}"),
    ]
    table = say.grid(keys, sites, (0.17, 0.17, 0.22, 0.08, 0.1, 0.13, 0.13)) if sites else say.text("no_sites")
    return say.section("scope", table, say.text("profiles_1"), say.pairs(figures))


def _risks(facts: Facts, say: Voice) -> Section:
    known = evidence(facts, say)
    rows = [
        (say(f"risk_{name}"), say(f"measure_{name}"), say(f"evidence_{name}", **known), say(f"rest_{name}"))
        for name in RISKS
    ]
    return say.section("risks", say.grid(("risk", "measure", "evidence", "rest"), rows, (0.18, 0.3, 0.28, 0.24)))


def evidence(facts: Facts, say: Voice) -> dict[str, str]:
    """The figures that the evidence of the risks names."""
    (groups,), (pictures,), (kept,) = facts["groups"], facts["pictures"], facts["audit_kept"]
    (looks,) = facts["looks"]
    times = {row["action"]: row["times"] for row in facts["audit_actions"]}
    hours = {row["reason"]: row["hours"] for row in facts["unattributed"]}
    approved = [model for model in facts["models"] if model["approved_at"] is not None]
    applied = [change for change in facts["profile_changes"] if change["state"] == "applied"]
    widened = [change for change in applied if is_wider(change["after"], change["before"])]
    measured = [line["beyond"] for line in facts["retention"] if line["beyond"] is not None]
    return model_evidence(facts, say) | {
        "pictures": say.number(pictures["kept"]),
        "pictures_of_employees": say.number(pictures["of_employees"]),
        "judged": say.number(sum(rule["judged"] for rule in facts["rules"])),
        "right": say.number(sum(rule["right"] for rule in facts["rules"])),
        "cells": say.number(groups["cells"]),
        "smallest": say("none") if groups["smallest"] is None else say.number(groups["smallest"]),
        "k": say("unknown") if groups["k"] is None else say.number(groups["k"]),
        "withheld": say.number(int(groups["withheld"])),
        "looks": say.number(sum(count for action, count in times.items() if action.endswith(LOOKS))),
        "opened": say.number(looks["opened"]),
        "live": say.number(looks["live"]),
        "exports": say.number(times.get("privacy.export", 0)),
        "no_consent_hours": say.number(hours.get("no_consent", 0)),
        "notices": say.number(len({notice["version"] for notice in facts["notices"]})),
        "changes": say.number(len(applied)),
        "widened": say.number(len(widened)),
        "widened_by_two": say.number(sum(change["two_people"] is True for change in widened)),
        "entries": say.number(kept["entries"]),
        "chain": chain_words(facts, say),
        "beyond": say.number(sum(measured)) if measured else say("unknown"),
        "approved": say.number(len(approved)),
        "approved_by_two": say.number(sum(model["two_people"] is True for model in approved)),
        "overridden": say.number(sum(model["overridden_by"] > 0 for model in approved)),
    }


def model_evidence(facts: Facts, say: Voice) -> dict[str, str]:
    """Of the model that devices should run, else of one that they do run."""
    desired = next((model["version"] for model in facts["models"] if model["desired"]), None)
    version = desired or next(iter(facts["manifests"]), None)
    manifest = facts["manifests"].get(version)
    test, groups = device_scores(manifest), dig(manifest, "scores", "groups")
    return {
        "version": version or say("none"),
        "macro_f1": say.share(test.get("macro_f1"), "not_measured"),
        "fatigue_recall": say.share(test.get("recall_fatigue"), "not_measured"),
        "groups": ", ".join(sorted(groups)) if isinstance(groups, dict) and groups else say("none"),
    }


def device_scores(manifest: Any) -> dict[str, Any]:
    """The scores of the file that devices run on what chose nothing; empty where there are none."""
    scores = dig(manifest, "scores", "int8", "test")
    return scores if isinstance(scores, dict) else {}


def chain_words(facts: Facts, say: Voice) -> str:
    chain = facts["audit_chain"]
    return say(f"chain_{chain['state']}", place=chain["broken_at"])
