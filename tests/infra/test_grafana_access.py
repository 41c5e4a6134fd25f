"""Grafana's organisations as code, against a stand-in for its HTTP API: nothing here has spoken to a real Grafana."""

import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from grafana.access.__main__ import main
from grafana.access.wishes import AUDIENCES, HR_UID, SAFETY_UID, AccessError, data_source, read_people
from grafana.generate import writing
from native.access import give_access
from native.layout import ROOT, Layout
from native.parts import Part
from support.grafana_server import Grafana, Organisation, serve
from support.stack import write_settings

PASSWORD = "the administrator's"
SECRETS = (PASSWORD, "of grafana_hr", "of grafana_safety")
HR, SAFETY, OPERATIONS = "Recursos Humanos · Human Resources", "Seguridad · Safety", "Operaciones · Operations"
PEOPLE = """
[[people]]
login = "rosa"
name = "Rosa"
email = "rosa@example.com"
audiences = ["hr"]

[[people]]
login = "luis"
name = "Luis"
email = "luis@example.com"
audiences = ["hr", "safety"]
"""


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with serve(PASSWORD) as server:
        yield server


@dataclass
class Command:
    """`python -m grafana.access` against a stand-in, in this process."""

    grafana: Grafana
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, password: str = PASSWORD, people: Path | None = None, code: int = 0) -> str:
        """What it prints; its exit status must be `code`, and no secret may show."""
        for name, value in (
            ("GRAFANA_URL", self.grafana.url),
            ("GRAFANA_ADMIN_PASSWORD", password),
            ("GRAFANA_HR_PASSWORD", SECRETS[1]),
            ("GRAFANA_SAFETY_PASSWORD", SECRETS[2]),
            ("STRESSVISION_GRAFANA_PEOPLE", str(people or "")),
        ):
            self.patch.setenv(name, value)
        self.patch.setattr(sys, "argv", ["grafana.access", *arguments])
        status = main()
        said = "".join(self.capture.readouterr())
        assert status == code, said
        assert not [secret for secret in SECRETS if secret in said]
        return said


@pytest.fixture
def run(grafana: Grafana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(grafana, monkeypatch, capsys)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    return file


def test_each_audience_has_an_organisation_with_what_it_may_ask_and_no_more(grafana: Grafana, run: Command) -> None:
    run()

    assert {each.name for each in grafana.organisations.values()} == {OPERATIONS, HR, SAFETY}
    assert grafana.organisations[1].name == OPERATIONS
    assert set(grafana.named(HR).sources) == {HR_UID}
    assert set(grafana.named(SAFETY).sources) == {HR_UID, SAFETY_UID}
    assert not grafana.named(OPERATIONS).sources  # its file makes them
    users = {uid: source["user"] for uid, source in grafana.named(SAFETY).sources.items()}
    assert users == {HR_UID: "grafana_hr", SAFETY_UID: "grafana_safety"}


def test_a_second_run_changes_nothing(grafana: Grafana, run: Command, people: Path) -> None:
    run(people=people)
    writes = list(grafana.writes)

    said = run(people=people)

    assert grafana.writes == writes
    assert said.strip() == "nothing to change"


def test_dashboards_are_those_of_the_files_in_folders_of_the_team(grafana: Grafana, run: Command) -> None:
    run()

    hr = grafana.named(HR)
    assert {uid: board["folderUid"] for uid, board in hr.boards.items()} == {
        f"stressvision-{name}": "stressvision-hr" for name in ("home", "site", "groups")
    }
    assert set(grafana.named(SAFETY).boards) == {*hr.boards, "stressvision-person"}
    assert hr.permissions["stressvision-hr"] == [{"teamId": 1, "permission": 1, "inherited": False}]
    assert hr.preferences == {"homeDashboardUID": "stressvision-home"}


def test_every_panel_asks_a_data_source_of_its_organisation(grafana: Grafana, run: Command) -> None:
    run()

    for organisation in (grafana.named(HR), grafana.named(SAFETY)):
        for board in organisation.boards.values():
            asked = {
                target["datasource"]["uid"]
                for panel in board["dashboard"]["panels"]
                for target in panel.get("targets", [])
            }
            assert asked <= set(organisation.sources)


def test_what_somebody_changed_is_put_right(grafana: Grafana, run: Command) -> None:
    run()
    hr = grafana.named(HR)
    hr.sources["extra"] = {"uid": "extra", "name": "somebody's", "id": 9}
    hr.sources[HR_UID]["user"] = "postgres"
    hr.boards["stressvision-home"]["versions"].insert(0, {"version": 9, "message": "by hand"})
    hr.boards["theirs"] = {"folderUid": "stressvision-hr", "versions": []}
    hr.permissions["stressvision-hr"].append({"role": "Viewer", "permission": 2, "inherited": False})

    said = run().splitlines()

    assert len(said) == 5
    assert set(hr.sources) == {HR_UID}
    assert hr.sources[HR_UID]["user"] == "grafana_hr"
    assert "theirs" not in hr.boards
    assert hr.permissions["stressvision-hr"] == [{"teamId": 1, "permission": 1, "inherited": False}]
    assert run().strip() == "nothing to change"


def test_a_new_password_of_the_database_reaches_grafana(grafana: Grafana, run: Command) -> None:
    run()
    grafana.wrong_passwords.add((HR, HR_UID))

    assert run().strip() == f"hr: password of data source {HR_UID} set"
    assert run().strip() == "nothing to change"


def test_an_organisation_that_somebody_else_made_is_taken_over(grafana: Grafana, run: Command) -> None:
    theirs = grafana.organisations[2] = Organisation(2, HR)
    theirs.members.clear()

    said = run()

    assert "hr: admin joins, to set it up" in said
    assert "hr: organisation made" not in said
    assert set(theirs.sources) == {HR_UID}


def test_viewers_are_those_of_the_file(grafana: Grafana, run: Command, people: Path) -> None:
    run(people=people)
    logins = {user["login"]: user["id"] for user in grafana.users.values()}

    assert grafana.named(HR).members == {1: "Admin", logins["rosa"]: "Viewer", logins["luis"]: "Viewer"}
    assert grafana.named(SAFETY).members == {1: "Admin", logins["luis"]: "Viewer"}
    assert grafana.named(OPERATIONS).members == {1: "Admin"}
    assert grafana.named(SAFETY).teams[0]["members"] == {logins["luis"]}


def test_who_leaves_the_file_may_no_longer_look(grafana: Grafana, run: Command, people: Path) -> None:
    run(people=people)
    grafana.named(HR).members[2] = "Admin"
    people.write_text(PEOPLE.split('[[people]]\nlogin = "luis"', maxsplit=1)[0])

    run(people=people)

    rosa = next(user["id"] for user in grafana.users.values() if user["login"] == "rosa")
    assert grafana.named(HR).members == {1: "Admin", rosa: "Viewer"}
    assert grafana.named(SAFETY).members == {1: "Admin"}
    assert grafana.named(SAFETY).teams[0]["members"] == set()


def test_without_a_file_nobody_is_added_or_taken_away(grafana: Grafana, run: Command, people: Path) -> None:
    run(people=people)
    before = dict(grafana.named(HR).members)

    assert run().strip() == "nothing to change"
    assert grafana.named(HR).members == before


def test_first_passwords_go_to_a_private_file_alone(
    grafana: Grafana, run: Command, people: Path, tmp_path: Path
) -> None:
    file = tmp_path / "first"

    said = run("--passwords", str(file), people=people)

    kept = dict(line.split(": ", 1) for line in file.read_text().splitlines())
    assert set(kept) == {"rosa", "luis"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [password for password in kept.values() if password in said]


def test_a_wrong_password_and_no_grafana_are_said_in_words(grafana: Grafana, run: Command) -> None:
    assert "does not take GRAFANA_ADMIN_PASSWORD" in run(password="another", code=1)
    grafana.url = "http://127.0.0.1:9"
    assert "no Grafana answers at http://127.0.0.1:9" in run(code=1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[[people]]\nlogin = "a"', "a person has audiences, email, login, name"),
        ('[[people]]\nlogin = "a"\nname = ""\nemail = ""\naudiences = ["boss"]', "no audience boss"),
        ('[[people]]\nlogin = "a b"\nname = ""\nemail = ""\naudiences = ["hr"]', "a login has no spaces"),
        ('[[people]]\nlogin = "a"\nname = ""\nemail = ""\naudiences = []', "a person has an audience"),
        (PEOPLE + PEOPLE, "luis, rosa stands there twice"),
        ("[users]", "unknown users"),
        ("[[people", "people.toml"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "people.toml"
    file.write_text(text)

    with pytest.raises(AccessError, match=fault):
        read_people(file)


def test_files_fill_the_first_organisation_alone() -> None:
    folder = writing.FOLDER.parent / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "datasources.yml").read_text())["datasources"]
    providers = yaml.safe_load((folder / "dashboards" / "dashboards.yml").read_text())["providers"]
    (first,) = [audience for audience in AUDIENCES if audience.number is not None]

    assert {source["uid"] for source in sources} == {"stressvision-ops", "stressvision-prometheus"}
    assert {item["orgId"] for item in (*sources, *providers)} == {first.number} == {1}
    assert [(item["folderUid"], item["folder"]) for item in providers] == [
        (folder.uid, folder.title) for folder in first.folders
    ]


def test_data_sources_differ_from_the_files_one_in_whom_they_are_alone() -> None:
    file = writing.FOLDER.parent / "provisioning" / "datasources" / "datasources.yml"
    (theirs,) = [each for each in yaml.safe_load(file.read_text())["datasources"] if each["uid"] == "stressvision-ops"]
    ours = data_source(HR_UID, host="h", sslmode="disable", password="p")

    same = {"type", "access"}
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert {**ours["jsonData"], "sslmode": ""} == {**theirs["jsonData"], "sslmode": ""}


def test_make_up_runs_it_where_a_grafana_was_started(grafana: Grafana, tmp_path: Path) -> None:
    write_settings(tmp_path / ".env")
    layout = Layout(tmp_path / ".stack", tmp_path / ".env")
    layout.settings["GRAFANA_ADMIN_PASSWORD"] = PASSWORD
    extra = {
        "GRAFANA_POSTGRES_HOST": "127.0.0.1:5433",
        "GRAFANA_POSTGRES_SSLMODE": "disable",
        "GRAFANA_DASHBOARDS": str(writing.FOLDER),
    }
    part = Part("grafana", [], int(grafana.url.rpartition(":")[2]), lambda: None, extra=extra)

    first, second = give_access(part, layout), give_access(part, layout)

    assert f"safety: data source {SAFETY_UID} made" in first
    assert second == "nothing to change"


def test_the_example_of_viewers_can_be_read() -> None:
    people = read_people(ROOT / "infra" / "grafana" / "people.example.toml")

    assert {audience for person in people for audience in person.audiences} <= {each.name for each in AUDIENCES}
