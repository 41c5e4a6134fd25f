"""Chapters 6 to 8 and annex B: what changed, what went wrong, what the law asks, and where figures come from."""

import re
from typing import Final

from stressvision_store.dossier.document import Section, Voice
from stressvision_store.dossier.facts import Facts
from stressvision_store.dossier.impact import chain_words

_READS: Final = re.compile(r"\b(?:FROM|JOIN) ([a-z_.]+)(?!\()\b")
LAWS: Final = ("eu_ai", "gdpr", "pe_ai", "pe_data", "cameras")


def chapters(facts: Facts, say: Voice) -> list[Section]:
    return [
        say.section("changes", level=2),
        _profiles(facts, say),
        _models(facts, say),
        _rollouts(facts, say),
        _notices(facts, say),
        _erasures(facts, say),
        _actions(facts, say),
        _incidents(facts, say),
        say.section(
            "law",
            say.text("law_1"),
            say.grid(
                ("rule_of_law", "asks", "met", "state"),
                [(say(f"law_{law}"), say(f"asks_{law}"), say(f"met_{law}"), say("confirm")) for law in LAWS],
                (0.2, 0.36, 0.28, 0.16),
            ),
            level=2,
        ),
    ]


def annex(facts: Facts, say: Voice) -> Section:
    rows = [(name, _tables_of(source)) for name, source in sorted(facts["sources"].items())]
    grid = say.grid(("figure", "from"), rows, (0.25, 0.75))
    return say.section("annex_figures", say.text("annex_figures_1"), grid, level=2)


def _tables_of(source: str) -> str:
    """The tables that a query reads; of what is no query, what it says."""
    return ", ".join(dict.fromkeys(_READS.findall(source))) or source.splitlines()[0]


def _profiles(facts: Facts, say: Voice) -> Section:
    rows = [
        (
            *(change[name] for name in ("site", "before", "after", "state")),
            say.moment(change["proposed_at"]),
            say("none") if change["decided_at"] is None else say.moment(change["decided_at"]),
            say.truth(change["two_people"]),
        )
        for change in facts["profile_changes"]
    ]
    keys = ("site", "before", "after", "state", "proposed", "decided", "two_people")
    return say.section("profile_changes", say.grid(keys, rows) if rows else say.text("no_changes"))


def _models(facts: Facts, say: Voice) -> Section:
    rows = [
        (
            model["version"],
            model["state"],
            say.moment(model["registered_at"]),
            say("none") if model["approved_at"] is None else say.moment(model["approved_at"]),
            say.truth(model["two_people"]),
            say.number(model["overridden_by"]),
            say("none") if model["published_at"] is None else say.moment(model["published_at"]),
            say.number(model["devices"]),
        )
        for model in facts["models"]
    ]
    keys = ("version", "state", "registered", "approved", "two_people", "overridden", "published", "running_on")
    return say.section("models", say.grid(keys, rows) if rows else say.text("no_model"))


def _rollouts(facts: Facts, say: Voice) -> Section:
    rows = [
        (
            f"{rollout['previous_version'] or say('unknown')} … {rollout['version']}",
            rollout["state"],
            say("none") if rollout["started_at"] is None else say.moment(rollout["started_at"]),
            say.truth(rollout["two_people"]),
            f"{rollout['confirmed']} / {rollout['failed']} / {rollout['devices']}",
            rollout["cause"] or say("none"),
        )
        for rollout in facts["rollouts"]
    ]
    keys = ("version", "state", "started", "two_people", "confirmed", "cause")
    return say.section("rollouts", say.grid(keys, rows) if rows else say.text("no_rollouts"))


def _notices(facts: Facts, say: Voice) -> Section:
    notices = [
        (each["version"], each["language"], say.moment(each["published_at"]), each["digest"])
        for each in facts["notices"]
    ]
    consents = [
        (
            each["notice_version"],
            say.number(each["given"]),
            say.number(each["withdrawn"]),
            say.truth(each["words_kept"]),
        )
        for each in facts["consents"]
    ]
    keys = ("version", "language", "given_out", "digest")
    return say.section(
        "notices",
        say.grid(keys, notices, (0.15, 0.1, 0.25, 0.5)) if notices else say.text("no_notices"),
        say.grid(("version", "consents_given", "consents_withdrawn", "words_kept"), consents),
    )


def _erasures(facts: Facts, say: Voice) -> Section:
    (erased,) = facts["erasures"]
    last = say("none") if erased["last_at"] is None else say.moment(erased["last_at"])
    figures = {"people": erased["people"], "last": last, "late": erased["late_events"]}
    return say.section("erasures", say.text("erasures_says", **figures))


def _actions(facts: Facts, say: Voice) -> Section:
    (kept,) = facts["audit_kept"]
    rows = [
        (row["action"], say.number(row["times"]), say.moment(row["first_at"]), say.moment(row["last_at"]))
        for row in facts["audit_actions"]
    ]
    oldest = say("none") if kept["oldest"] is None else say.moment(kept["oldest"])
    said = say.text("actions_1", entries=kept["entries"], oldest=oldest)
    return say.section("actions", said, say.grid(("action", "times", "first", "last"), rows))


def _incidents(facts: Facts, say: Voice) -> Section:
    (fleet,), (books,) = facts["fleet"], facts["books"]
    beyond = [line["beyond"] for line in facts["retention"] if line["beyond"] is not None]
    overridden = sum(model["overridden_by"] > 0 and model["approved_at"] is not None for model in facts["models"])
    turned = sum(rollout["state"] in {"halted", "rolling_back", "rolled_back"} for rollout in facts["rollouts"])
    rows = [
        (say("i_chain"), chain_words(facts, say)),
        (say("i_beyond"), say.number(sum(beyond) if beyond else None)),
        (say("i_cloned"), say.number(fleet["key_used_twice"])),
        (say("i_revoked"), say.number(fleet["revoked"])),
        (say("i_overridden"), say.number(overridden)),
        (say("i_rollouts"), say.number(turned)),
        (say("i_lost"), say.number(books["lost"])),
        *((say("i_letters", reason=row["reason"]), say.number(row["letters"])) for row in facts["dead_letters"]),
        (say("i_words"), say.number(sum(not each["words_kept"] for each in facts["consents"]))),
        (say("i_never_expire"), say.number(sum(row["never_expire"] for row in facts["tokens"]))),
        (say("attempts"), say("attempts_says")),
        (say("breaches"), say("fill_in")),
    ]
    return say.section("incidents", say.text("incidents_1"), say.grid(("incident", "count"), rows, (0.6, 0.4)), level=2)
