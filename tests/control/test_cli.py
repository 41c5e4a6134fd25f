"""The operators' command, against a real service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stressvision_control.cli.app import app
from support.control import ADMIN_TOKEN, Control
from support.manifests import write_model

pytestmark = pytest.mark.db

Command = Callable[..., Result]


@pytest.fixture
def stressvision(control: Control, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("admin"))

    def run(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, words, input=stdin)
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


def of(result: Result) -> object:
    return json.loads(result.stdout)


def test_a_site_is_set_up_by_names_alone(stressvision: Command) -> None:
    stressvision("sites", "create", "Callao", "--time-zone", "America/Lima")
    stressvision("areas", "create", "Paint", "--site", "Callao")
    stressvision("stations", "create", "P1", "--area", "Callao/Paint")
    stressvision(
        "shifts", "create", "Night", "--site", "Callao", "--starts", "22:00", "--ends", "06:00",
        "--weekdays", "lun-vie", "--breaks", "02:00-02:30",
    )  # fmt: skip
    stressvision("employees", "create", "--site", "Callao", "--pseudonym", "E-1", "--badge", "77", "--name", "Ana")
    stressvision(
        "assignments", "create", "--employee", "E-1", "--station", "Callao/Paint/P1", "--shift", "Callao/Night",
        "--from", "2026-01-05",
    )  # fmt: skip
    stressvision("assignments", "end", "1", "--on", "2026-03-31")
    stressvision("check-ins", "create", "--station", "Callao/Paint/P1", "--badge", "77")
    stressvision("check-ins", "end", "1")
    stressvision("consents", "create", "--employee", "E-1", "--notice", "v1", "--at", "2026-01-05T08:00-05:00")
    stressvision("consents", "withdraw", "1")
    assert of(stressvision("assignments", "list", "--employee", "E-1", "--json"))[0]["last_date"] == "2026-03-31"
    assert of(stressvision("check-ins", "list", "--json"))[0]["checked_out_at"] is not None
    assert of(stressvision("consents", "list", "--json"))[0]["withdrawn_at"] is not None
    assert of(stressvision("shifts", "list", "--json"))[0]["weekdays"] == [1, 2, 3, 4, 5]
    assert "Ana" in stressvision("employees", "name", "E-1").stdout
    assert "Ana" not in stressvision("employees", "list").stdout
    stressvision("sites", "profile", "Callao", "fatigue_only")
    assert of(stressvision("sites", "list", "--json"))[0]["profile"] == "fatigue_only"
    status = of(stressvision("status", "--json"))
    assert (status["sites"], status["stations"], status["employees"]) == (1, 1, 1)
    assert "employees" in stressvision("status").stdout


def test_names_of_digits_are_names_before_they_are_ids(stressvision: Command) -> None:
    for site in ("2", "Ilo"):
        stressvision("sites", "create", site, "--time-zone", "America/Lima")
    stressvision("areas", "create", "Paint", "--site", "2")
    assert of(stressvision("areas", "list", "--site", "1", "--json"))[0]["name"] == "Paint", "no site is called 1"
    assert of(stressvision("areas", "list", "--site", "Ilo", "--json")) == []
    for pseudonym in ("2", "7"):
        stressvision("employees", "create", "--site", "Ilo", "--pseudonym", pseudonym)
    stressvision("consents", "create", "--employee", "2", "--notice", "v1")
    stressvision("consents", "create", "--employee", "7", "--notice", "v1")
    assert [row["employee_id"] for row in of(stressvision("consents", "list", "--json"))] == [1, 2]
    assert "no employee" in stressvision("consents", "create", "--employee", "9", "--notice", "v1", code=1).stderr
    for shift, starts, ends in (("2", "06:00", "14:00"), ("1", "14:00", "22:00")):
        stressvision("shifts", "create", shift, "--site", "Ilo", "--starts", starts, "--ends", ends)
    stressvision("report", "shift", "Ilo", "2", "2026-03-01", "--lang", "en", "--out", "shift.html")
    assert "Shift report: Ilo, 2</title>" in Path("shift.html").read_text()


def test_a_roster_goes_in_and_comes_back(stressvision: Command, tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("sitio;zona_horaria;área;puesto\nCallao;America/Lima;Paint;P1\n", "latin-1")
    assert "Would be done" in stressvision("roster", "import", "roster.csv", "--dry-run").stdout
    assert of(stressvision("stations", "list", "--json")) == []
    assert "1 lines imported, 3 changes" in stressvision("roster", "import", "roster.csv").stdout
    exported = stressvision("roster", "export").stdout
    assert "Callao,America/Lima,Paint,P1" in exported
    stressvision("roster", "export", "out.csv", "--site", "Callao")
    assert of(stressvision("roster", "import", "out.csv", "--json"))["changes"] == []
    assert of(stressvision("roster", "import", "-", "--json", stdin=exported))["changes"] == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_bad_roster_lines_are_listed_and_end_with_1(stressvision: Command, tmp_path: Path, dry_run: bool) -> None:
    (tmp_path / "bad.csv").write_text("site,time_zone,area\nCallao,Lima,Paint\n,UTC,\n")
    flags = ["--dry-run"] if dry_run else []
    shown = stressvision("roster", "import", "bad.csv", *flags, code=1).stdout
    assert "'Lima' is no IANA time zone" in shown
    assert "every line needs a site" in shown
    bad = of(stressvision("roster", "import", "bad.csv", "--json", *flags, code=1))
    assert [row["line"] for row in bad["bad" if dry_run else "errors"]] == [2, 3]
    assert of(stressvision("sites", "list", "--json")) == []


def test_a_missing_roster_file_is_wrong_usage(stressvision: Command) -> None:
    assert "nowhere.csv cannot be read" in stressvision("roster", "import", "nowhere.csv", code=2).stderr


def test_devices_are_paused_moved_and_revoked(stressvision: Command, control: Control) -> None:
    control.add_device()
    stressvision("sites", "create", "Callao", "--time-zone", "America/Lima")
    stressvision("areas", "create", "Paint", "--site", "Callao")
    stressvision("stations", "create", "P1", "--area", "Callao/Paint")
    assert "Callao/Paint/P1" in stressvision("devices", "move", "1", "--station", "Callao/Paint/P1").stdout
    assert "paused" in stressvision("devices", "pause", "1").stdout
    assert "active" in stressvision("devices", "resume", "1").stdout
    assert "Callao/Paint/P1" in stressvision("devices", "list", "--site", "Callao").stdout
    assert of(stressvision("devices", "show", "1", "--json"))["hostname"] == "pi"
    stressvision("devices", "revoke", "1", code=1, stdin="n\n")
    assert "revoked" in stressvision("devices", "revoke", "1", "--yes").stdout
    assert "was revoked" in stressvision("devices", "pause", "1", code=1).stderr


def test_codes_are_shown_once_and_withdrawn(stressvision: Command) -> None:
    made = of(stressvision("enrolment-codes", "create", "--hours", "2", "--json"))
    listed = of(stressvision("enrolment-codes", "list", "--json"))
    assert [row["id"] for row in listed] == [made["id"]]
    assert made["code"] not in json.dumps(listed)
    stressvision("enrolment-codes", "withdraw", made["id"])


def test_a_model_is_registered_twice(stressvision: Command, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("# card")
    for _ in range(2):
        assert "another person approves it" in stressvision("models", "register", "model").stdout
    assert of(stressvision("models", "list", "--json"))[0]["state"] == "candidate"
    shown = of(stressvision("models", "show", "test-1", "--json"))
    assert (shown["manifest"]["file"], shown["has_file"]) == ("model.tflite", True)
    assert stressvision("models", "report", "test-1").stdout == "# card\n"
    assert "another person must" in stressvision("models", "approve", "test-1", code=1).stderr
    assert "only approved" in stressvision("models", "desire", "test-1", code=1).stderr
    stressvision("models", "reject", "test-1", "--reason", "it is no model at all")


def test_a_model_file_that_its_manifest_does_not_know_is_refused(stressvision: Command, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    (tmp_path / "model" / "model.tflite").write_bytes(b"another")
    assert "its manifest says" in stressvision("models", "register", "model", code=1).stderr


def test_tokens_and_the_audit(stressvision: Command) -> None:
    made = of(stressvision("tokens", "create", "Rosa", "--role", "hr", "--days", "0", "--json"))
    assert made["expires_at"] is None
    assert of(stressvision("tokens", "me", "--json"))["roles"] == ["admin"]
    stressvision("tokens", "revoke", str(made["id"]))
    assert "token.revoke" in stressvision("audit", "list").stdout
    assert [row["action"] for row in of(stressvision("audit", "list", "--action", "token.create", "--json"))]
    assert "Rosa" in stressvision("tokens", "list").stdout


def test_dead_letters_are_listed(stressvision: Command) -> None:
    assert of(stressvision("dead-letters", "list", "--reason", "unknown_model", "--json")) == []
    assert "nothing" in stressvision("dead-letters", "list").stdout


def test_a_replay_is_asked_for(stressvision: Command) -> None:
    asked = stressvision("dead-letters", "replay", "--reason", "unknown_model", "--since", "2026-01-01", "--json")
    assert of(asked) == {"letters": 0}
    assert "0 refused events" in stressvision("dead-letters", "replay").stdout


def test_a_safety_officer_says_why(stressvision: Command, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    stressvision("sites", "create", "Callao", "--time-zone", "America/Lima")
    stressvision("employees", "create", "--site", "Callao", "--pseudonym", "E-1")
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("safety"))
    assert "looking at one person needs a reason" in stressvision("employees", "list", code=4).stderr
    why = ["--reason", "three alerts in one night", "--json"]
    assert of(stressvision("employees", "list", *why))[0]["pseudonym"] == "E-1"
    for noun in ("assignments", "check-ins"):
        assert of(stressvision(noun, "list", "--employee", "E-1", *why)) == []


@pytest.mark.parametrize(
    ("token", "words", "code", "said"),
    [
        ("nonsense", ["sites", "list"], 4, "unknown, expired or revoked"),
        ("hr", ["employees", "list"], 4, "needs one of the roles"),
        ("admin", ["areas", "create", "Paint", "--site", "Ilo"], 1, "there is no site 'Ilo'"),
        ("admin", ["stations", "create", "P1", "--area", "Paint"], 2, "neither an id nor SITE/AREA"),
        ("admin", ["sites", "create", "Ilo", "--time-zone", "Ilo"], 1, "no IANA time zone"),
    ],
)
def test_refusals_are_said_in_words(
    stressvision: Command,
    control: Control,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("STRESSVISION_TOKEN", token if token == "nonsense" else control.token(token))
    assert said in stressvision(*words, code=code).stderr


def test_refusals_are_problems_with_json(stressvision: Command) -> None:
    words = ["sites", "create", "Ilo", "--time-zone", "Ilo", "--json"]
    assert json.loads(stressvision(*words, code=1).stderr)["status"] == 422


def test_a_service_that_is_away_ends_with_3(stressvision: Command) -> None:
    assert (
        "does not answer at http://127.0.0.1:1" in stressvision("--url", "http://127.0.0.1:1", "status", code=3).stderr
    )


def test_the_command_reads_env_in_the_working_directory(control: Control, tmp_path: Path) -> None:
    content = f"STRESSVISION_CONTROL_URL={control.url}\nSTRESSVISION_ADMIN_TOKEN={ADMIN_TOKEN}\nOTHER=1\n"
    (tmp_path / ".env").write_text(content)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STRESSVISION_")}
    command = [str(Path(sys.executable).with_name("stressvision")), "tokens", "me", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["bootstrap"] is True


def test_the_fleet_is_listed_counted_named_and_given_new_keys(stressvision: Command, control: Control) -> None:
    assert "nothing" in stressvision("devices", "list").stdout
    control.add_device()
    assert "Press 1" in stressvision("devices", "rename", "1", "Press 1").stdout
    listed = stressvision("devices", "list", "--state", "never seen").stdout
    assert "Press 1" in listed
    assert "never seen" in listed
    assert of(stressvision("devices", "list", "--state", "online", "--json")) == []
    assert of(stressvision("devices", "summary", "--json"))["states"]["never_seen"] == 1
    assert "0.1.0 (1)" in stressvision("devices", "summary").stdout
    assert "new key" in stressvision("devices", "rotate-key", "1").stdout
    assert of(stressvision("devices", "rotate-key", "--all", "--json")) == {"devices": 1}
    stressvision("devices", "rotate-key", code=2)
    stressvision("devices", "rotate-key", "1", "--all", code=2)
    assert "cleared" in stressvision("devices", "clear-alarm", "1").stdout
    assert "is called pi" in stressvision("devices", "rename", "1").stdout


def test_the_command_itself_waits_for_no_library_of_the_database_or_of_signing() -> None:
    heavy = {"sqlalchemy", "sqlmodel", "psycopg", "alembic", "cryptography", "tuf", "fastapi"}
    look = f"import sys, stressvision_control.cli.app; print(*sorted({heavy} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", look], text=True).split() == []
