"""What ought to be: an organisation for each audience, with the data sources that its role may read, and its people.

Grafana lets every viewer of an organisation send any SQL to every data source in it. So an organisation holds one
audience, and the data sources that this audience may read; folders and teams are for finding things.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HR_UID, SAFETY_UID = "stressvision-hr", "stressvision-safety"
LOGIN = re.compile(r"[^\s/@]+(@[^\s/@]+)?")


class AccessError(ValueError):
    """The wishes cannot be read or fulfilled; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Folder:
    """`name` is the folder of JSON files; uid and title are what Grafana calls it."""

    name: str
    uid: str
    title: str


TRENDS = Folder("hr", HR_UID, "Tendencias · Trends")
SAFETY = Folder("safety", SAFETY_UID, "Seguridad · Safety")
OPERATIONS = Folder("operations", "stressvision-operations", "Operaciones · Operations")


@dataclass(frozen=True, slots=True)
class Audience:
    """`sources`: uids of its data sources; none, and `number` set, where Grafana's provisioning files make them."""

    name: str
    organisation: str
    folders: tuple[Folder, ...]
    home: str
    sources: tuple[str, ...] = ()
    number: int | None = None

    @property
    def team(self) -> str:
        return self.organisation


AUDIENCES = (
    Audience("operations", "Operaciones · Operations", (OPERATIONS,), "stressvision-operations", number=1),
    Audience("hr", "Recursos Humanos · Human Resources", (TRENDS,), "stressvision-home", (HR_UID,)),
    Audience("safety", "Seguridad · Safety", (SAFETY, TRENDS), "stressvision-person", (SAFETY_UID, HR_UID)),
)
"""Operations has the organisation that Grafana begins with, which is the only one that files can fill: a Grafana that
is told by file of an organisation that does not exist yet does not start (grafana/grafana#28877)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A viewer of one audience or more."""

    login: str
    name: str
    email: str
    audiences: tuple[str, ...]


def read_people(file: Path) -> list[Person]:
    """The viewers in a TOML file: `[[people]]` with login, name, email and audiences. Raise `AccessError`."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AccessError(f"{file}: {error}") from error
    if unknown := set(given) - {"people"}:
        raise AccessError(f"{file}: unknown {', '.join(sorted(unknown))}; only [[people]] is known")
    people = [_person(file, entry) for entry in given.get("people", [])]
    logins = [person.login for person in people]
    if twice := {login for login in logins if logins.count(login) > 1}:
        raise AccessError(f"{file}: {', '.join(sorted(twice))} stands there twice")
    return people


def _person(file: Path, entry: Mapping[str, Any]) -> Person:
    keys = {"login", "name", "email", "audiences"}
    if set(entry) != keys:
        raise AccessError(f"{file}: a person has {', '.join(sorted(keys))}, not {', '.join(sorted(entry))}")
    person = Person(entry["login"], entry["name"], entry["email"], tuple(entry["audiences"]))
    known = [audience.name for audience in AUDIENCES]
    if unknown := set(person.audiences) - set(known):
        raise AccessError(
            f"{file}: {person.login}: no audience {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        )
    if not LOGIN.fullmatch(person.login) or not person.audiences:
        raise AccessError(f"{file}: {person.login!r}: a login has no spaces, and a person has an audience")
    return person


def data_source(uid: str, *, host: str, sslmode: str, password: str) -> dict[str, Any]:
    """What Grafana's API takes for one of `HR_UID`, `SAFETY_UID`; else like the operators' in the provisioning file."""
    name, user = {
        HR_UID: ("Stress Vision · HR", "grafana_hr"),
        SAFETY_UID: ("Stress Vision · safety", "grafana_safety"),
    }[uid]
    return {
        "uid": uid,
        "name": name,
        "type": "grafana-postgresql-datasource",
        "access": "proxy",
        "url": host,
        "user": user,
        "jsonData": {
            "database": "stressvision",
            "sslmode": sslmode,
            "postgresVersion": 1500,
            "timescaledb": False,
            "maxOpenConns": 8,
            "maxIdleConns": 2,
            "connMaxLifetime": 14400,
        },
        "secureJsonData": {"password": password},
    }
