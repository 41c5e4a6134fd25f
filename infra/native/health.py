"""Whether a part answers. Each probe says what is wrong, or None."""

import http.client
import subprocess
from pathlib import Path

import redis

PROBE_TIMEOUT_S = 3.0


def postgres_fault(binaries: Path, port: int) -> str | None:
    """Postgres' own pg_isready."""
    command = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "3"]
    code = subprocess.run(command, check=False, capture_output=True).returncode
    return None if code == 0 else f"pg_isready answers {code}"


def redis_fault(url: str) -> str | None:
    """PING, with the password."""
    with redis.Redis.from_url(url, socket_timeout=PROBE_TIMEOUT_S) as client:
        try:
            client.ping()
        except redis.RedisError as error:
            return f"PING: {error}"
    return None


def http_fault(port: int, path: str) -> str | None:
    """Anything but 200 on loopback is a fault."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"GET {path}: {error}"
    finally:
        connection.close()
    return None if answer.status == 200 else f"GET {path}: {answer.status} {text}"
