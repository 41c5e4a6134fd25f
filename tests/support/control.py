"""The control API on a real socket over a real database, and tokens of every role."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from stressvision_control.app import create_app
from stressvision_control.settings import Settings
from stressvision_store import tokens
from stressvision_store.session import transaction
from stressvision_store.tables import Device
from stressvision_store.workforce_tables import Placement
from support.database import Database
from support.servers import free_port, wait_until

ADMIN_TOKEN = "an-admin-token-of-tests-and-of-nothing-else"


@dataclass
class Control:
    """The service. `as_role(role)` gives a client with a token of that one role; None goes without a token."""

    url: str
    database: Database
    _clients: dict[str | None, httpx.Client] = field(default_factory=dict)

    def token(self, *roles: str, valid_for: timedelta | None = None) -> str:
        with transaction(self.database.engine("control")) as session:
            return tokens.create_token(session, name=f"test {roles}", roles=roles, valid_for=valid_for)[1]

    def person(self, name: str, *roles: str) -> httpx.Client:
        """A client with a token of that name."""
        with transaction(self.database.engine("control")) as session:
            token = tokens.create_token(session, name=name, roles=roles, valid_for=None)[1]
        if name in self._clients:
            self._clients[name].close()
        self._clients[name] = self.client(token)
        return self._clients[name]

    def client(self, token: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def as_role(self, role: str | None) -> httpx.Client:
        if role not in self._clients:
            self._clients[role] = self.client(self.token(role) if role is not None else None)
        return self._clients[role]

    @property
    def admin(self) -> httpx.Client:
        return self.as_role("admin")

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        """POST as admin; the answer must be 201."""
        answer = self.admin.post(path, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def add_device(self, station_id: int | None = None) -> int:
        """A device, as enrolment leaves it."""
        with transaction(self.database.engine("owner")) as session:
            key = secrets.token_bytes(32)
            device = Device(public_key=key, hostname="pi", hardware="Pi 5", agent_version="0.1.0")
            session.add(device)
            session.flush()
            assert device.id is not None
            if station_id is not None:
                placed_at = datetime.now(UTC)
                session.add(Placement(device_id=device.id, station_id=station_id, placed_at=placed_at))
            return device.id

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def start_server(app: FastAPI, port: int) -> tuple[uvicorn.Server, threading.Thread]:
    """Set `should_exit` of the server and join the thread to stop it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the control API")
    assert server.started
    return server, thread


@contextmanager
def serve(database: Database, redis_url: str | None = None, signing_keys: Path | None = None) -> Iterator[Control]:
    port = free_port()
    settings = Settings(
        env="production",
        control_database_url=database.url("control"),
        admin_token=ADMIN_TOKEN,
        redis_url=redis_url,
        signing_keys=signing_keys or Path("/nowhere"),
        control_port=port,
    )
    server, thread = start_server(create_app(settings), port)
    service = Control(f"http://127.0.0.1:{port}", database)
    yield service
    service.close()
    server.should_exit = True
    thread.join()


@pytest.fixture
def control(database: Database) -> Iterator[Control]:
    with serve(database) as service:
        yield service


@pytest.fixture(scope="module")
def shared_control(shared_database: Database) -> Iterator[Control]:
    """One for a whole module, for tests that are refused whatever they try."""
    with serve(shared_database) as service:
        yield service


@pytest.fixture
def woken_control(database: Database, redis_url: str) -> Iterator[Control]:
    """One that wakes the worker."""
    with serve(database, redis_url) as service:
        yield service
