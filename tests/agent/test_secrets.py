"""What the agent logs, at any level and whatever it is answered, holds none of its keys, tokens and proofs."""

import logging

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stressvision_agent.identity import Enrolled, load_key, make_key, save_enrolled
from stressvision_telemetry.logs import JsonFormatter
from support.device import TurnedClock, sending_side, window
from support.rotating import rotating
from support.small_server import Reply, small_server

TOKEN = "token-of-the-device-4711"


def parts_of(key):
    """The lines of a private key's file, and its raw bytes as they might be shown."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().splitlines()[1:-1]
    raw = key.private_bytes_raw()
    return [*pem, raw.hex(), str(raw)]


@pytest.mark.parametrize("reply", [Reply(204), Reply(409, {"detail": "taken"}), Reply(503), Reply(hang_up=True)])
def test_no_key_no_token_and_no_proof_is_logged(reply, tmp_path, caplog):
    key_file = tmp_path / "device.key"
    keys = [make_key(key_file)]
    save_enrolled(tmp_path / "device.json", Enrolled(device_id=7, server=""))
    with small_server() as server, caplog.at_level(logging.DEBUG):
        server.key_replies = [reply]
        server.token_replies = [Reply(200, {"access_token": TOKEN, "expires_in": 3600}), Reply(401)]
        with rotating(key_file, tmp_path, server.url) as (kept, client, rotation):
            rotation.step(asked=True)
            keys += [load_key(kept.waiting)] if kept.waiting.exists() else [kept.identity.key]
            client.fetch_token()
        (request,) = server.key_requests
        proofs = [request["proof"], request["old_proof"], server.assertion]
    formatter = JsonFormatter()
    ours = [record for record in caplog.records if record.name.startswith("stressvision")]
    written = "\n".join(formatter.format(record) for record in ours)

    assert ours or reply.status == 503, "which is no news"
    for secret in [TOKEN, *proofs, *(part for key in keys for part in parts_of(key))]:
        assert secret not in written


def test_no_token_is_logged_that_came_in_an_answer_of_another_kind(tmp_path, caplog):
    clock = TurnedClock()
    with (
        small_server() as server,
        caplog.at_level(logging.DEBUG),
        sending_side(tmp_path, server.url, clock) as side,
    ):
        server.token_replies = [Reply(200, {"access_token": TOKEN, "expires_in": "soon"})]
        side.spool.append(window(clock.uptime_s))
        side.uploader.step()
    said = [record for record in caplog.records if record.name == "stressvision_agent.uploader"]
    assert said
    assert TOKEN not in "\n".join(map(JsonFormatter().format, said))
