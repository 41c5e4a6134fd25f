"""The control API from a terminal: where it is, who is asking, and what to say when it says no.

Exit codes: 0 done · 1 refused, the message says why · 2 wrong usage · 3 the service is away · 4 no token for it.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.markup import escape

REFUSED, AWAY, NOT_ALLOWED = 1, 3, 4
TIMEOUT_S = 120.0
"""New hours of a shift mark all that was ever observed at a site, which takes a while."""
ROSTER_TIMEOUT_S = 900.0
"""Some 10 ms a line, twice that on a busy machine."""
PAGE = 500
TOO_MANY, LONGEST_WAIT_S, MOST_WAITS = 429, 5, 20
"""One who asks much is told to wait a second; one with bad tokens for longer, and that is no use waiting for."""
OCTETS = {"Content-Type": "application/octet-stream"}

Row = dict[str, Any]


class CliSettings(BaseSettings):
    """From the environment, else from `.env` in the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="STRESSVISION_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    control_url: str = "http://127.0.0.1:8001"
    token: SecretStr | None = None
    admin_token: SecretStr | None = None

    @property
    def bearer(self) -> str | None:
        chosen = self.token or self.admin_token
        return chosen.get_secret_value() if chosen is not None else None


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Say what is wrong on stderr and end with `code`."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error[/] {escape(message)}", highlight=False)
    raise typer.Exit(code)


class Api:
    """One client for one command. `as_json` is how its failures are told, too."""

    def __init__(self, settings: CliSettings, *, as_json: bool = False) -> None:
        headers = {"Authorization": f"Bearer {settings.bearer}"} if settings.bearer is not None else {}
        self._http = httpx.Client(base_url=settings.control_url, headers=headers, timeout=TIMEOUT_S)
        self._url = settings.control_url
        self._as_json = as_json

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params=_given(query)).json()

    def get_text(self, path: str, **query: Any) -> str:
        return self._ask("GET", path, params=_given(query)).content.decode()

    def get_bytes(self, path: str, **query: Any) -> bytes:
        return self._ask("GET", path, params=_given(query)).content

    def post_bytes(self, path: str, **query: Any) -> bytes:
        """What comes back, where that is a file."""
        return self._ask("POST", path, params=_given(query)).content

    def post_octets(self, path: str, data: bytes) -> Any:
        return self._ask("POST", path, content=data, headers=OCTETS).json()

    def put_octets(self, path: str, data: bytes) -> Any:
        return self._ask("PUT", path, content=data, headers=OCTETS).json()

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask("POST", path, json=body if body is not None else {}).json()

    def put(self, path: str, body: Any) -> Any:
        answer = self._ask("PUT", path, json=body)
        return answer.json() if answer.content else None

    def patch(self, path: str, body: Any) -> Any:
        return self._ask("PATCH", path, json=body).json()

    def delete(self, path: str, **query: Any) -> Any:
        answer = self._ask("DELETE", path, params=_given(query))
        return answer.json() if answer.content else None

    def upload(self, path: str, data: bytes, **query: Any) -> httpx.Response:
        """A CSV file; 422 is the caller's to explain."""
        headers = {"Content-Type": "text/csv"}
        return self._ask(
            "POST", path, content=data, headers=headers, params=_given(query), timeout=ROSTER_TIMEOUT_S, allowed=(422,)
        )

    def every(self, path: str, **query: Any) -> Iterator[Row]:
        """All rows, page after page."""
        after: Any = None
        while True:
            page = self.get(path, **query, limit=PAGE, after=after)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def site(self, wanted: str) -> int:
        return self._named("/v1/sites", "site", wanted, name=wanted)

    def area(self, wanted: str) -> int:
        """An id, or SITE/AREA."""
        if (number := _id(wanted)) is not None:
            return number
        site, area = _parts(wanted, "SITE/AREA")
        return self._named("/v1/areas", "area", area, site_id=self.site(site), name=area)

    def station(self, wanted: str) -> int:
        """An id, or SITE/AREA/STATION."""
        if (number := _id(wanted)) is not None:
            return number
        site, area, station = _parts(wanted, "SITE/AREA/STATION")
        area_id = self.area(f"{site}/{area}")
        return self._named("/v1/stations", "station", station, area_id=area_id, name=station)

    def shift(self, wanted: str, site_id: int | None = None) -> int:
        """An id, or SITE/SHIFT; with a site, a name there will do."""
        if site_id is not None and "/" not in wanted:
            return self._named("/v1/shifts", "shift", wanted, site_id=site_id, name=wanted)
        if (number := _id(wanted)) is not None:
            return number
        site, shift = _parts(wanted, "SITE/SHIFT")
        return self._named("/v1/shifts", "shift", shift, site_id=self.site(site), name=shift)

    def employee(self, wanted: str, reason: str | None = None) -> int:
        """A pseudonym, or an id; a safety officer gives the `reason` for the look."""
        return self._named("/v1/employees", "employee", wanted, pseudonym=wanted, reason=reason)

    def _named(self, path: str, noun: str, wanted: str, **query: Any) -> int:
        """The row of that name; failing that, a number is the id. Names of digits are common, so the name wins."""
        rows = self.get(path, **query)["items"]
        number = int(rows[0]["id"]) if rows else _id(wanted)
        if number is None:
            fail(f"there is no {noun} {wanted!r}")
        return number

    def _ask(self, method: str, path: str, *, allowed: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        answer = self._try(method, path, **options)
        for _ in range(MOST_WAITS):
            wait_s = int(answer.headers.get("Retry-After", "0")) if answer.status_code == TOO_MANY else 0
            if not 0 < wait_s <= LONGEST_WAIT_S:
                break
            time.sleep(wait_s)
            answer = self._try(method, path, **options)
        if not answer.is_success and answer.status_code not in allowed:
            self._explain(answer)
        return answer

    def _try(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            fail(
                f"the control API does not answer at {self._url} ({type(error).__name__}); "
                "is it up (make up)? STRESSVISION_CONTROL_URL says where to look",
                AWAY,
            )

    def _explain(self, answer: httpx.Response) -> NoReturn:
        problem = _problem(answer)
        code = AWAY if answer.status_code >= 500 else NOT_ALLOWED if answer.status_code in {401, 403, 429} else REFUSED
        if self._as_json:
            print(json.dumps(problem, ensure_ascii=False), file=sys.stderr)
            raise typer.Exit(code)
        hint = ""
        if answer.status_code == 401:
            hint = " (STRESSVISION_TOKEN or STRESSVISION_ADMIN_TOKEN, from the environment or ./.env)"
        fail(f"{problem['detail']}{hint}", code)


def open_api(context: typer.Context, *, as_json: bool) -> Api:
    """The service as the command line and the environment name it, until the command ends."""
    api = Api(context.obj, as_json=as_json)
    context.call_on_close(api.close)
    return api


def _problem(answer: httpx.Response) -> Row:
    """What came back, even if something else than our service answered."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "detail" in problem:
        return problem
    return {"status": answer.status_code, "detail": f"HTTP {answer.status_code} from {answer.url}, and no reason given"}


def _given(query: Row) -> Row:
    return {name: value for name, value in query.items() if value is not None}


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _parts(text: str, form: str) -> list[str]:
    parts = [part.strip() for part in text.split("/")]
    if len(parts) != form.count("/") + 1 or not all(parts):
        fail(f"{text!r} is neither an id nor {form}", 2)
    return parts
