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


def test_imported_roster_is_exported_the_same_and_imports_to_nothing(control: Control) -> None:
    csv = {"Content-Type": "text/csv"}
    tried = control.admin.post("/v1/roster", params={"dry_run": True}, content=CSV, headers=csv)
    assert tried.status_code == 200, tried.text
    assert tried.json()["applied"] is False
    assert control.admin.get("/v1/sites").json()["items"] == []
    done = control.admin.post("/v1/roster", content=CSV, headers=csv)
    assert done.status_code == 200, done.text
    assert done.json()["applied"] is True
    assert done.json()["changes"] == tried.json()["changes"]
    exported = control.admin.get("/v1/roster").text
    print(exported)
    again = control.admin.post("/v1/roster", content=exported, headers=csv).json()
    assert (again["bad"], again["changes"]) == ([], [])
