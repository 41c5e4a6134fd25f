"""MLflow's record of a run: what is sent over its REST API, and what becomes of a server that is away."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from stressvision_trainer.control import Claim
from stressvision_trainer.folders import Folders
from stressvision_trainer.metrics import TRACKING_FAILURES
from stressvision_trainer.tracking import MlflowTracking, Tracking, open_tracking

CLAIM = Claim(
    id=7, fence=1, lease_s=60, recipe="small", recipe_text="", changes=["epochs=4"], version="1.0.0",
    dataset_digest="d" * 64, pictures=12,
)  # fmt: skip
EPOCH = {"epoch": 2, "epochs": 4, "loss": 1.5, "accuracy": 0.4, "side": 48}


class Server:
    """Answers as the part of MLflow's API that is used; `seen` holds method, path and body of every call."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.experiments: set[str] = set()
        self.authorisations: set[str | None] = set()
        self.status = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def handle_call(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.split("?")[0]
                server.authorisations.add(self.headers.get("authorization"))
                is_json = "artifacts" not in path and body
                server.seen.append((self.command, path, json.loads(body) if is_json else body))
                status, answer = server.answer(path, server.seen[-1][2])
                status = server.status or status
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = handle_call  # noqa: N815 - the library calls them so

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        what = path.removeprefix("/api/2.0/mlflow/")
        if what == "experiments/get-by-name":
            if not self.experiments:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            return 200, {"experiment": {"experiment_id": "3"}}
        if what == "experiments/create":
            self.experiments.add(body["name"])
            return 200, {"experiment_id": "3"}
        if what == "runs/create":
            return 200, {"run": {"info": {"run_id": "r1", "artifact_uri": "mlflow-artifacts:/3/r1/artifacts"}}}
        return 200, {}

    def sent(self, what: str) -> list[Any]:
        return [body for _, path, body in self.seen if path.endswith(what)]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path, CLAIM, "digest")
    made.begin()
    return made


def record(tracking: Tracking, folders: Folders, report: Path) -> None:
    tracking.begin(CLAIM, folders)
    tracking.add_epoch(EPOCH)
    tracking.add_results({"test_accuracy": 0.5})
    tracking.add_files([report])
    tracking.end("FINISHED")


def test_a_run_is_recorded_with_its_epochs_and_reports(server: Server, folders: Folders) -> None:
    report = folders.run / "report.html"
    report.write_text("<h1>Model</h1>")
    with MlflowTracking(server.uri) as tracking:
        record(tracking, folders, report)
    assert server.experiments == {"stressvision"}
    (made,) = server.sent("runs/create")
    assert (made["experiment_id"], made["run_name"]) == ("3", "1.0.0")
    assert {"key": "stressvision.job", "value": "7"} in made["tags"]
    first, epoch, results = server.sent("runs/log-batch")
    assert {"key": "epochs", "value": "4"} in first["params"]
    assert {point["key"]: (point["value"], point["step"]) for point in epoch["metrics"]} == {
        "loss": (1.5, 2), "accuracy": (0.4, 2), "side": (48.0, 2),
    }  # fmt: skip
    assert results["metrics"][0]["key"] == "test_accuracy"
    assert server.sent("/artifacts/3/r1/artifacts/report.html") == [b"<h1>Model</h1>"]
    assert server.sent("runs/update")[-1]["status"] == "FINISHED"


def test_a_run_that_goes_on_is_the_same_there(server: Server, folders: Folders) -> None:
    for _ in range(2):
        with MlflowTracking(server.uri) as tracking:
            tracking.begin(CLAIM, folders)
            tracking.add_epoch(EPOCH)
            tracking.end("KILLED")
    assert len(server.sent("runs/create")) == 1
    assert [body["status"] for body in server.sent("runs/update")] == ["KILLED", "RUNNING", "KILLED"]


def test_a_server_that_is_away_stops_nothing_and_is_counted(folders: Folders) -> None:
    before = TRACKING_FAILURES._value.get()
    with MlflowTracking("http://127.0.0.1:9") as tracking:
        record(tracking, folders, folders.run / "none.html")
    assert TRACKING_FAILURES._value.get() == before + 1


def test_a_note_of_the_run_that_was_cut_off_stops_nothing_and_is_counted(server: Server, folders: Folders) -> None:
    (folders.run / "mlflow.json").write_bytes(b"")
    before = TRACKING_FAILURES._value.get()
    with MlflowTracking(server.uri) as tracking:
        record(tracking, folders, folders.run / "none.html")
    assert TRACKING_FAILURES._value.get() == before + 1


def test_a_password_in_the_address_is_used_and_never_logged(
    server: Server, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 403
    with MlflowTracking(server.uri.replace("http://", "http://ana:s3cr%40t@")) as tracking:
        tracking.begin(CLAIM, folders)
    assert server.authorisations == {f"Basic {base64.b64encode(b'ana:s3cr@t').decode()}"}
    assert "403" in str(caplog.records[-1].__dict__)
    assert "s3cr" not in str(caplog.records[-1].__dict__)


def test_a_store_that_is_no_server_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="give the address of an MLflow server"):
        open_tracking("file:///tmp/mlruns")
    assert type(open_tracking(None)) is Tracking


@pytest.mark.skipif("STRESSVISION_TEST_MLFLOW" not in os.environ, reason="names no running MLflow server")
def test_the_real_server_keeps_what_it_is_told(folders: Folders) -> None:
    uri = os.environ["STRESSVISION_TEST_MLFLOW"]
    report = folders.run / "report.html"
    report.write_text("<h1>Model</h1>")
    with MlflowTracking(uri) as tracking:
        record(tracking, folders, report)
    run_id = json.loads((folders.run / "mlflow.json").read_text())["run_id"]
    run = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {each["key"]: each["value"] for each in run["data"]["metrics"]}["loss"] == 1.5
    assert {"key": "recipe", "value": "small"} in run["data"]["params"]
    kept = httpx.get(f"{uri}/api/2.0/mlflow/artifacts/list", params={"run_id": run_id}).json()["files"]
    assert [each["path"] for each in kept] == ["report.html"]
