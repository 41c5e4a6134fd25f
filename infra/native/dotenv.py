"""Reads `.env`, and writes one with fresh secrets from `.env.example`. Standard library only: it runs first."""

import re
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

KNOWN_SECRET = re.compile(r"development(?:-[a-z]+)+")
"""What stands in `.env.example` where a secret belongs; nobody's secret once it is published."""

LINE = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$")


class DotenvError(ValueError):
    """`.env` cannot be used; the message names the line or the setting."""


def read_dotenv(path: Path) -> dict[str, str]:
    """Names and values; quotes around a value are dropped, nothing is expanded."""
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.match(text)
        if match is None:
            raise DotenvError(f"{path}:{number}: {text!r} is no NAME=value")
        value = match[2].strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[match[1]] = value
    return values


def write_dotenv(path: Path, example: Path) -> bool:
    """Make `path` (mode 0600) from `example`, each known secret made a fresh one; False if it is there already."""
    if path.exists():
        return False
    fresh: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        return fresh.setdefault(match[0], secrets.token_hex(24))

    lines = example.read_text().splitlines(keepends=True)
    settings = [line if line.startswith("#") else KNOWN_SECRET.sub(replace, line) for line in lines]
    path.touch(mode=0o600, exist_ok=False)
    path.write_text("# Secrets of this installation: keep it, and keep it private.\n\n" + "".join(settings[3:]))
    return True


def check_dotenv(values: dict[str, str], example: dict[str, str]) -> None:
    """Raise `DotenvError` for a missing setting, a secret known to all outside development, or a URL out of step."""
    missing = [name for name in example if not values.get(name)]
    if missing:
        raise DotenvError(f".env lacks {', '.join(missing)}: copy from .env.example with a value of your own")
    environment = values["STRESSVISION_ENV"]
    if environment not in ("development", "production"):
        raise DotenvError(f"STRESSVISION_ENV is {environment!r}: use development or production")
    known = [name for name, value in values.items() if KNOWN_SECRET.search(value)]
    if known and environment != "development":
        raise DotenvError(f"{', '.join(known)} in .env are secrets that everybody knows: replace them")
    for name, password in values.items():
        url = values.get(name.removesuffix("PASSWORD") + "URL")
        if name.endswith("_PASSWORD") and url is not None and urlsplit(url).password != password:
            raise DotenvError(f"{name} is not the password in {name.removesuffix('PASSWORD')}URL: make them equal")


def main() -> int:
    """Make `.env` in the working directory if there is none, and check it."""
    path, example = Path(".env"), Path(".env.example")
    try:
        if write_dotenv(path, example):
            print("wrote .env with fresh secrets (readable by you alone)")
        check_dotenv(read_dotenv(path), read_dotenv(example))
    except DotenvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
