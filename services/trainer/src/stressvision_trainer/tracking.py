"""MLflow's record of a run, through the REST API of its server (mlflow.org/docs/latest/rest-api.html).

The client library is not needed for it, and a server that is away must not stop a run: what it did not take is counted.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from stressvision_trainer import metrics
from stressvision_trainer.control import Claim
from stressvision_trainer.folders import Folders

EXPERIMENT: Final = "stressvision"
RUN_FILE: Final = "mlflow.json"
TIMEOUT_S: Final = 10.0
LONGEST_PARAMETER: Final = 6000
"""Characters, of MLflow's own limits (log-batch)."""
ARTIFACTS: Final = "mlflow-artifacts"

_log = logging.getLogger(__name__)

Record = dict[str, Any]


class Tracking:
    """Writes nothing anywhere: there is no MLflow."""

    def begin(self, claim: Claim, folders: Folders) -> None:
        """Make the run, or go on with it."""

    def add_epoch(self, record: Record) -> None:
        """Log the figures of an epoch."""

    def add_results(self, figures: Record) -> None:
        """Log the figures of the candidate."""

    def add_files(self, files: Sequence[Path]) -> None:
        """Keep reports with the run."""

    def end(self, status: str) -> None:
        """FINISHED, FAILED or KILLED."""


class MlflowTracking(Tracking):
    """`uri` is that of a server, such as http://127.0.0.1:5000; user and password may stand in it."""

    def __init__(self, uri: str) -> None:
        url = httpx.URL(uri)
        auth = (url.username, url.password) if url.userinfo else None  # apart: an error names the address in the log
        self._http = httpx.Client(base_url=url.copy_with(username=None, password=None), auth=auth, timeout=TIMEOUT_S)
        self._run: str | None = None
        self._artifacts = ""

    def begin(self, claim: Claim, folders: Folders) -> None:
        file = folders.run / RUN_FILE
        self._try(lambda: self._go_on(file) if file.is_file() else self._make_run(claim, file))

    def _go_on(self, file: Path) -> None:
        known = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        self._run, self._artifacts = known["run_id"], known["artifact_uri"]
        self._post("runs/update", run_id=self._run, status="RUNNING")

    def _make_run(self, claim: Claim, file: Path) -> None:
        run = self._post(
            "runs/create",
            experiment_id=self._experiment(),
            run_name=claim.version,
            start_time=_now_ms(),
            tags=[
                {"key": "mlflow.source.name", "value": claim.recipe},
                {"key": "stressvision.job", "value": str(claim.id)},
                {"key": "stressvision.dataset_digest", "value": claim.dataset_digest},
            ],
        )["run"]["info"]
        self._run, self._artifacts = run["run_id"], run.get("artifact_uri", "")
        file.write_bytes(msgspec.json.encode({"run_id": self._run, "artifact_uri": self._artifacts}))
        settings = [change.partition("=") for change in claim.changes]
        parameters = [{"key": name, "value": value[:LONGEST_PARAMETER]} for name, _, value in settings]
        parameters += [{"key": "recipe", "value": claim.recipe}, {"key": "pictures", "value": str(claim.pictures)}]
        self._post("runs/log-batch", run_id=self._run, params=parameters, metrics=[], tags=[])

    def _experiment(self) -> str:
        answer = self._http.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": EXPERIMENT})
        if answer.status_code == 404:
            return str(self._post("experiments/create", name=EXPERIMENT)["experiment_id"])
        answer.raise_for_status()
        return str(answer.json()["experiment"]["experiment_id"])

    def add_epoch(self, record: Record) -> None:
        self._add(record, step=int(record["epoch"]))

    def add_results(self, figures: Record) -> None:
        self._add(figures, step=0)

    def _add(self, figures: Record, step: int) -> None:
        at = _now_ms()
        points = [
            {"key": name, "value": float(value), "timestamp": at, "step": step}
            for name, value in figures.items()
            if isinstance(value, int | float) and name not in ("epoch", "epochs")
        ]
        self._say("runs/log-batch", metrics=points, params=[], tags=[])

    def add_files(self, files: Sequence[Path]) -> None:
        where = urlsplit(self._artifacts)
        if self._run is None or where.scheme != ARTIFACTS:
            return  # artifacts that the server does not take by HTTP are for whoever set it up
        for file in files:
            path = quote(f"{where.path.strip('/')}/{file.name}")

            def send(path: str = path, file: Path = file) -> None:
                content = file.read_bytes()
                self._http.put(f"/api/2.0/{ARTIFACTS}/artifacts/{path}", content=content).raise_for_status()

            self._try(send)

    def end(self, status: str) -> None:
        self._say("runs/update", status=status, end_time=_now_ms())
        self._run = None

    def _say(self, what: str, **body: Any) -> None:
        if self._run is not None:
            self._try(lambda: self._post(what, **({"run_id": self._run} | body)))

    def _post(self, what: str, **body: Any) -> Record:
        answer = self._http.post(f"/api/2.0/mlflow/{what}", json=body)
        answer.raise_for_status()
        found: Record = answer.json()
        return found

    def _try(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
            metrics.TRACKING_FAILURES.inc()
            _log.warning("MLflow did not take it", extra={"why": str(error) or type(error).__name__})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def open_tracking(uri: str | None) -> Tracking:
    """`ValueError` for a store that only MLflow's own library can write."""
    if uri is None:
        return Tracking()
    if urlsplit(uri).scheme not in ("http", "https"):
        raise ValueError(
            f"MLFLOW_TRACKING_URI is {uri!r}; give the address of an MLflow server (http://…): "
            f"`mlflow server --backend-store-uri {uri}` serves such a store"
        )
    return MlflowTracking(uri)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
