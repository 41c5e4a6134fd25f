"""Chapter 3 and annex A: what is processed, what for, how long, and who may read it, as it really is."""

from collections.abc import Iterable
from typing import Any, Final

from stressvision_store.dossier.document import Section, Voice
from stressvision_store.dossier.facts import Facts
from stressvision_store.dossier.purposes import BASES, SPANISH_PURPOSES, SPANISH_UNTIL
from stressvision_store.retention_report import NOT_YET

ESTIMATED: Final = ("events",)
"""Tables whose rows the database estimates, so that a count does not take minutes."""


def chapter(facts: Facts, say: Voice) -> list[Section]:
    lines = [
        (
            line["table"],
            purpose_words(line["table"], line["purpose"], say),
            _kept(line, say),
            ("~ " if line["table"] in ESTIMATED else "") + say.number(line["rows"]),
            "–" if line["oldest"] is None else say.day(line["oldest"]),
            "–" if has_no_age(line) else say.number(line["beyond"]),
            _readers(facts, line["table"]) or say("none"),
            say(BASES.get(line["table"], "basis_unknown")),
        )
        for line in facts["retention"]
    ]
    keys = ("data", "purpose", "kept", "rows", "oldest", "beyond", "recipients")
    table = say.grid((*keys, "basis"), lines, (0.16, 0.17, 0.13, 0.06, 0.11, 0.08, 0.14, 0.15))
    header = tuple(name.format(confirm=say("confirm")) for name in table.header)
    tokens = [(row["role"], say.number(row["tokens"]), say.number(row["never_expire"])) for row in facts["tokens"]]
    return [
        say.section("register", say.text("register_1"), type(table)(header, table.rows, table.widths), level=2),
        say.section("api", say.grid(("role", "tokens", "never_expire"), tokens) if tokens else say.text("no_tokens")),
        say.section("views", say.grid(("dashboard", "view_names"), _views(facts), (0.25, 0.75))),
        say.section("transfer", say.text("transfer_1")),
    ]


def annex(facts: Facts, say: Voice) -> Section:
    roles = sorted({grant["role"] for grant in facts["grants"]})
    tables = sorted({grant["table_name"] for grant in facts["grants"]})
    by_place = {(grant["role"], grant["table_name"]): grant for grant in facts["grants"]}
    rows = [(table, *(_letters(by_place[role, table]) for role in roles)) for table in tables]
    grid = say.grid(("table",), (), (0.22, *(0.78 / len(roles) for _ in roles)))
    header = (*grid.header, *(role.removeprefix("stressvision_") for role in roles))
    routes = [(row["roles"], ", ".join(row["routes"])) for row in facts["routes"]]
    return say.section(
        "annex",
        say.text("annex_tables"),
        type(grid)(header, tuple(rows), grid.widths),
        say.text("annex_routes"),
        say.grid(("roles", "routes"), routes, (0.2, 0.8)),
        level=2,
    )


def purpose_words(table: str, english: str, say: Voice) -> str:
    return SPANISH_PURPOSES.get(table, english) if say.language == "es" else english


def has_no_age(line: dict[str, Any]) -> bool:
    """Whether such rows go for another reason than their age."""
    return line["kept_days"] is None and line["until"] != NOT_YET


def _kept(line: dict[str, Any], say: Voice) -> str:
    if line["kept_days"] is not None:
        return say("days", days=line["kept_days"])
    until: str = line["until"]
    return SPANISH_UNTIL.get(until, until) if say.language == "es" else until


def _readers(facts: Facts, table: str) -> str:
    of_table = [grant for grant in facts["grants"] if grant["table_name"] == table and grant["reads_some"]]
    names = [(grant["role"].removeprefix("stressvision_"), grant["reads_all"]) for grant in of_table]
    return ", ".join(name if whole else f"({name})" for name, whole in names)


def _letters(grant: dict[str, Any]) -> str:
    reads = "r" if grant["reads_all"] else "(r)" if grant["reads_some"] else ""
    return reads + ("w" if grant["writes"] else "") + ("d" if grant["deletes"] else "") or "–"


def _views(facts: Facts) -> Iterable[tuple[str, str]]:
    for role in sorted({view["role"] for view in facts["views"]}):
        yield role, ", ".join(view["view"] for view in facts["views"] if view["role"] == role)
