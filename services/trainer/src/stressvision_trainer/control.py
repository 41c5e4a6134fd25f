"""The control API as a trainer uses it. It is asked again while it is away: a run outlives an outage."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from stressvision_trainer import metrics
from stressvision_trainer.errors import ControlError

TIMEOUT_S: Final = 60.0
PATIENCE_S: Final = 3600.0
"""How long a call that must succeed is tried, where nothing else is said."""
LONGEST_WAIT_S: Final = 20.0
MODELS_AT_ONCE: Final = 500

Row = dict[str, Any]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A job that this trainer holds. `dataset_digest` stands for the list of pictures that it learns from."""

    id: int
    fence: int
    lease_s: float
    recipe: str
    recipe_text: str
    changes: list[str]
    version: str
    dataset_digest: str
    pictures: int


class Control:
    """`wait` sleeps, and raises when there is no more sense in asking."""

    def __init__(
        self, url: str, token: str, *, wait: Callable[[float], None] = time.sleep, patience_s: float = PATIENCE_S
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)
        self._wait, self._patience_s = wait, patience_s
        self.url = url

    def close(self) -> None:
        self._http.close()

    def claim(self, trainer: str) -> Claim | None:
        """Asked once: whoever polls asks again anyway."""
        answer = self._once("POST", "/v1/training-jobs/claims", json={"trainer": trainer})
        return msgspec.json.decode(answer.content, type=Claim, strict=False) if answer.content else None

    def progress(self, claim: Claim, *, patient: bool = False, **said: Any) -> str:
        """Renew the lease; return the job's state. Only what must not get lost is sent patiently."""
        ask = self._patiently if patient else self._once
        body = {"fence": claim.fence} | said
        return str(ask("POST", f"/v1/training-jobs/{claim.id}/progress", json=body).json()["state"])

    def finish(self, claim: Claim, outcome: str, reason: str | None = None) -> None:
        body = {"fence": claim.fence, "outcome": outcome, "reason": reason[-2000:] if reason else None}
        self._patiently("POST", f"/v1/training-jobs/{claim.id}/finish", json=body)

    def pictures(self, claim: Claim) -> list[Row]:
        """The list: digest, label, subject."""
        found: list[Row] = self._patiently(
            "GET", f"/v1/training-jobs/{claim.id}/pictures", params={"fence": claim.fence}
        ).json()
        return found

    def archive(self, claim: Claim, after: str | None) -> bytes:
        """A ZIP of the next pictures; empty when none is left."""
        query: Row = {"fence": claim.fence} | ({"after": after} if after else {})
        return self._patiently("GET", f"/v1/training-jobs/{claim.id}/pictures/archive", params=query).content

    def publish(self, claim: Claim, folder: Path, reports: Sequence[Path]) -> None:
        """Send manifest, model and card of `folder`, and `reports`, in one call. Sending twice does no harm."""
        manifest = (folder / "manifest.json").read_bytes()
        model = folder / str(msgspec.json.decode(manifest)["file"])
        files = [
            ("manifest", ("manifest.json", manifest)),
            ("model", (model.name, model.read_bytes())),
            ("card", ("README.md", (folder / "README.md").read_bytes())),
            *(("report", (path.name, path.read_bytes())) for path in reports),
        ]
        self._patiently(
            "POST", f"/v1/training-jobs/{claim.id}/candidate", data={"fence": str(claim.fence)}, files=files
        )

    def job_state(self, job_id: int) -> str | None:
        """None when there is no such job."""
        answer = self._once("GET", f"/v1/training-jobs/{job_id}", allowed=(404,))
        return str(answer.json()["state"]) if answer.is_success else None

    def epochs_told(self, job_id: int) -> set[int]:
        """Which epochs the service has the figures of."""
        job = self._patiently("GET", f"/v1/training-jobs/{job_id}").json()
        return {int(record["epoch"]) for record in job["curve"]}

    def desired_model(self) -> Row | None:
        """The model that the fleet should run: version and digest."""
        page: Row = {"next": ""}
        while page["next"] is not None:
            query = {"limit": MODELS_AT_ONCE} | ({"after": page["next"]} if page["next"] else {})
            page = self._patiently("GET", "/v1/models", params=query).json()
            for row in page["items"]:
                if row["desired"]:
                    return dict(row)
        return None

    def model(self, version: str) -> Row:
        found: Row = self._patiently("GET", f"/v1/models/{version}").json()
        return found

    def model_file(self, version: str) -> bytes | None:
        """None when the server has only its manifest."""
        answer = self._patiently("GET", f"/v1/models/{version}/file", allowed=(404,))
        return answer.content if answer.is_success else None

    def site_id(self, wanted: str) -> int:
        if wanted.isascii() and wanted.isdigit():
            return int(wanted)
        rows = self._patiently("GET", "/v1/sites", params={"name": wanted}).json()["items"]
        if not rows:
            raise ControlError(f"there is no site {wanted!r}")
        return int(rows[0]["id"])

    def add_picture(self, digest: str, content: bytes, query: Mapping[str, Any]) -> bool:
        """Send a PNG; whether it is new there."""
        given = {name: value for name, value in query.items() if value is not None}
        kind = {"Content-Type": "image/png"}
        answer = self._patiently("PUT", f"/v1/pictures/{digest}", content=content, headers=kind, params=given)
        return answer.status_code == 201

    def picture_counts(self) -> list[Row]:
        found: list[Row] = self._patiently("GET", "/v1/pictures/summary").json()
        return found

    def _patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Again and again while the service is away, with full jitter; a refusal is final."""
        deadline, wait_s = time.monotonic() + self._patience_s, 0.5
        while True:
            try:
                return self._once(method, path, **options)
            except ControlError as error:
                if error.status is not None and error.status < 500 and error.status != 429:
                    raise
                if time.monotonic() > deadline:
                    raise
                metrics.RETRIES.inc()
                self._wait(error.retry_after_s or random.uniform(0, wait_s))  # noqa: S311 - it only spreads the callers
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _once(self, method: str, path: str, *, allowed: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ControlError(f"the control API does not answer at {self.url}: {type(error).__name__}") from error
        if answer.is_success or answer.status_code in allowed:
            return answer
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> ControlError:
    """What a problem document says, even if something else than our service answered."""
    wait = answer.headers.get("retry-after", "")
    detail, field = f"HTTP {answer.status_code} from {answer.url.path}", None
    try:
        problem = answer.json()
        detail = str(problem["detail"])
        field = str(problem["errors"][0]["field"])
    except (ValueError, LookupError, TypeError):
        pass
    retry_after_s = float(wait) if wait.isdigit() else None
    return ControlError(detail, answer.status_code, field=field, retry_after_s=retry_after_s)
