"""How a device joins: a key of its own, a code from the operator, a number from the server."""

import socket

from stressvision_agent.client import EnrolmentError, enrol, open_http
from stressvision_agent.health import hardware
from stressvision_agent.heartbeat import AGENT_VERSION
from stressvision_agent.identity import (
    Enrolled,
    load_enrolled,
    load_or_make_key,
    public_key_text,
    rotated_path,
    save_enrolled,
)
from stressvision_agent.settings import Settings
from stressvision_contracts.fleet import EnrolmentRequest


def join(settings: Settings, code: str) -> Enrolled:
    """Enrol this device with `code` and keep what the server gave; raise `EnrolmentError`, `IdentityError`, `OSError`.

    A crash in between is harmless: the same key may use the same code again.
    """
    already = load_enrolled(settings.enrolled_file)
    if already is not None:
        raise EnrolmentError(
            f"already enrolled as device {already.device_id} at {already.server}; "
            f"to join anew, stop the agent and move {settings.device.state_dir} away"
        )
    # a key that replaced another belongs to the enrolment that has ended
    if (rotated := rotated_path(settings.key_file, settings.enrolled_file)) != settings.key_file:
        rotated.unlink(missing_ok=True)
    key = load_or_make_key(settings.key_file)
    request = EnrolmentRequest(
        code=code,
        public_key=public_key_text(key),
        hostname=socket.gethostname()[:200],
        hardware=hardware(),
        agent_version=AGENT_VERSION,
    )
    with open_http(settings.server) as http:
        device_id = enrol(http, request).device_id
    enrolled = Enrolled(device_id=device_id, server=settings.server.url)
    save_enrolled(settings.enrolled_file, enrolled)
    return enrolled
