"""The servers that tests run on: real, private, and able to die and come back."""

import os
from pathlib import Path

import psycopg
import pytest
import redis

from support.servers import start_postgres, start_redis

pytestmark = pytest.mark.db


def test_postgres_keeps_committed_rows_over_a_kill(servers_folder: Path) -> None:
    server = start_postgres(servers_folder / "killed", durable=True)
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        first = server.pid
        server.restart("kill")
        assert server.pid != first
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        server.stop("immediate")


def test_postgres_asks_for_the_password(postgres_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres_url.replace("postgres:", "postgres:not"))


def test_postgres_is_not_roots(postgres_server: object) -> None:
    pid = postgres_server.pid  # type: ignore[attr-defined]
    assert Path(f"/proc/{pid}").stat().st_uid != 0 or os.geteuid() != 0


def test_redis_remembers_after_a_restart(servers_folder: Path) -> None:
    server = start_redis(servers_folder / "redis-restarted")
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", 7)
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"7"
    finally:
        server.stop()


def test_session_servers_answer(postgres_url: str, redis_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.info.server_version >= 150_000
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
