"""The roster over HTTP."""

import pytest

from stressvision_store.roster_csv import COLUMNS
from support.control import Control

pytestmark = pytest.mark.db

HEADER = ",".join(COLUMNS)
CSV = f"""{HEADER}
Callao,America/Lima,Paint,P1,Night,22:00,06:00,1-5,02:00-02:30,E-1,Ana Ñahui,1234,2026-01-05,v1,2026-01-05,
Callao,America/Lima,Paint,P2,Day,06:00,14:00,1-7,,E-2,,,,,2026-01-05,2026-06-30
"""
TYPE = {"Content-Type": "text/csv"}


def test_imported_roster_is_exported_the_same_and_imports_to_nothing(control: Control) -> None:
    tried = control.admin.post("/v1/roster", params={"dry_run": True}, content=CSV, headers=TYPE)
    assert tried.status_code == 200, tried.text
    assert tried.json()["applied"] is False
    assert control.admin.get("/v1/sites").json()["items"] == []
    done = control.admin.post("/v1/roster", content=CSV, headers=TYPE)
    assert done.status_code == 200, done.text
    assert done.json()["applied"] is True
    assert done.json()["changes"] == tried.json()["changes"]
    exported = control.admin.get("/v1/roster")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    again = control.admin.post("/v1/roster", content=exported.content, headers=TYPE).json()
    assert (again["bad"], again["changes"]) == ([], [])


def test_a_form_may_carry_the_file(control: Control) -> None:
    answer = control.admin.post("/v1/roster", files={"file": ("roster.csv", CSV.encode("latin-1"), "text/csv")})
    assert answer.json()["applied"] is True


def test_bad_lines_are_all_told_and_nothing_is_kept(control: Control) -> None:
    bad = CSV + "Callao,Lima,,,,,,,,,,,,,,\n,UTC,,,,,,,,,,,,,,\n"
    tried = control.admin.post("/v1/roster", params={"dry_run": True}, content=bad, headers=TYPE)
    assert tried.status_code == 200
    assert [(each["line"], each["column"]) for each in tried.json()["bad"]] == [(4, "time_zone"), (5, "site")]
    refused = control.admin.post("/v1/roster", content=bad, headers=TYPE)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "nothing was imported: 2 lines are bad; mend them and send it again"
    assert [(each["line"], each["field"], each["value"]) for each in refused.json()["errors"]] == [
        (4, "time_zone", "Lima"), (5, "site", ""),
    ]  # fmt: skip
    assert control.admin.get("/v1/sites").json()["items"] == []


def test_an_empty_body_is_no_roster(control: Control) -> None:
    for options in ({"content": b""}, {"files": {"other": ("x", b"x")}}, {"content": b" \n"}):
        assert control.admin.post("/v1/roster", **options).status_code == 422  # type: ignore[arg-type]


def test_names_are_for_administrators_and_privacy_officers(control: Control) -> None:
    control.as_role("operator").post("/v1/roster", content=CSV, headers=TYPE).raise_for_status()
    assert "Ñahui" not in control.as_role("operator").get("/v1/roster").text
    assert "Ñahui" in control.as_role("privacy").get("/v1/roster").text
    assert "1234" not in control.as_role("privacy").get("/v1/roster").text
    site = control.admin.get("/v1/sites").json()["items"][0]["id"]
    assert control.admin.get("/v1/roster", params={"site_id": site}).text.count("\r\n") == 3
    assert control.admin.get("/v1/roster", params={"site_id": 99}).status_code == 404
    entries = control.admin.get("/v1/audit", params={"action": "roster.export"}).json()["items"]
    assert [each["detail"]["with_names"] for each in entries] == [True, True, True, False]
    assert "Ñahui" not in control.admin.get("/v1/audit").text
