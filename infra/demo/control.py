"""The control API as the demo uses it: what the `stressvision` command could do by hand."""

from datetime import datetime
from typing import Any

import httpx


class ControlError(RuntimeError):
    """The platform said no, or nothing; the message says what and what to do."""


class Control:
    """Calls with the administrator's token; raises `ControlError`."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self._url = url

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ControlError(f"no answer from {self._url} ({error}); is the platform up? try `make up`") from error
        if answer.is_error:
            raise ControlError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def every(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        after: Any = None
        while True:
            page = self.call("GET", path, params=query | {"limit": 500} | ({"after": after} if after else {}))
            items += page["items"]
            after = page["next"]
            if after is None:
                return items

    def import_roster(self, csv: str) -> dict[str, Any]:
        report: dict[str, Any] = self.call(
            "POST", "/v1/roster", content=csv.encode(), headers={"Content-Type": "text/csv; charset=utf-8"}
        )
        return report

    def stations(self) -> dict[tuple[str, str, str], int]:
        """The number of each station by the names of site, area and station."""
        sites = {site["id"]: site["name"] for site in self.every("/v1/sites")}
        areas = {area["id"]: (sites[area["site_id"]], area["name"]) for area in self.every("/v1/areas")}
        return {(*areas[row["area_id"]], row["name"]): row["id"] for row in self.every("/v1/stations")}

    def enrolment_code(self, station_id: int | None = None) -> str:
        return str(self.call("POST", "/v1/enrolment-codes", json={"station_id": station_id})["code"])

    def place(self, device_id: int, station_id: int | None, at: datetime) -> None:
        body = {"station_id": station_id, "at": at.isoformat()}
        self.call("PUT", f"/v1/devices/{device_id}/placement", json=body)

    def device(self, device_id: int) -> dict[str, Any]:
        detail: dict[str, Any] = self.call("GET", f"/v1/devices/{device_id}")
        return detail

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.call("GET", "/v1/status")
        return status
