"""Sites over HTTP."""

import pytest

from support.control import Control

pytestmark = pytest.mark.db


def test_created_site_is_shown_listed_and_found_by_name(control: Control) -> None:
    made = control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    assert made == {"id": 1, "name": "Callao", "time_zone": "America/Lima", "profile": "safety"}
    assert control.admin.get("/v1/sites/1").json() == made
    assert control.admin.get("/v1/sites").json() == {"items": [made], "next": None}
    assert control.admin.get("/v1/sites", params={"name": "Ilo"}).json()["items"] == []
