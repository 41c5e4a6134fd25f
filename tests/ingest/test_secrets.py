"""What the intake writes into its log, however much it is told to write, holds no secret, a device's or its own."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stressvision_contracts.fleet import KEY_AUDIENCE
from support.database import Database
from support.intake import join, make_window, new_code
from support.servers import free_port, wait_until

pytestmark = pytest.mark.db

TOKEN_SECRET = "a-secret-of-tests-that-signs-tokens-and-is-long"
FALSE_TOKEN, FALSE_CODE, PLANTED = "a.false.token-of-tests", "FALSE-CODE-4711", "Ana Quispe Mamani"


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def use(client: httpx.Client, database: Database) -> list[str]:
    """Do what involves secrets, failures included; return those that came up."""
    device = join(client, database.engine())
    new = replace(device, key=Ed25519PrivateKey.generate())
    assertion, old = device.assertion(), device.assertion(aud=KEY_AUDIENCE, key=new.public_key)
    proof, code = new.assertion(aud=KEY_AUDIENCE), new_code(database.engine())
    device.ask_token(assertion)
    assert device.ask_token(assertion).status_code == 401, "it was used"
    body = {"public_key": new.public_key, "proof": proof, "old_proof": old}
    assert client.post("/v1/key", json=body, headers=device.headers).status_code == 204
    assert client.post("/v1/key", json=body | {"old_proof": proof}, headers=device.headers).status_code == 401
    assert device.send(make_window(), make_window() | {"kind": PLANTED}).status_code == 202
    assert device.send_raw(b"{" + PLANTED.encode()).status_code == 400
    about = {"hostname": "pi", "hardware": "x", "agent_version": "0.1.0", "public_key": new.public_key}
    assert client.post("/v1/enroll", json={"code": FALSE_CODE, **about}).is_error
    assert client.post("/v1/enroll", json={"code": code, **about}).is_success, "the same device again"
    assert replace(device, token=FALSE_TOKEN).beat().status_code == 401
    return [assertion, old, proof, code, device.token, PLANTED, FALSE_TOKEN, FALSE_CODE]


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_secret_is_in_the_log(database: Database, redis_url: str, tmp_path: Path, level: str) -> None:
    port = free_port()
    mine = {
        "STRESSVISION_ENV": "development",
        "STRESSVISION_REDIS_URL": redis_url,
        "STRESSVISION_INGEST_PORT": str(port),
        "STRESSVISION_INGEST_TOKEN_SECRET": TOKEN_SECRET,
        "STRESSVISION_INGEST_LOG_LEVEL": level,
    }
    command = [str(Path(sys.executable).with_name("stressvision-ingest"))]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env=os.environ | database.environment | mine, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            wait_until(lambda: is_up(port), "the intake")
            secrets = use(client, database)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    written = (tmp_path / "log").read_text()
    password = database.url("ingest").split("@")[0].split(":")[-1]
    for secret in (*secrets, TOKEN_SECRET, password):
        assert secret not in written, written[-3000:]
