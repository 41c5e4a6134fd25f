"""`make check`: format, lint, types, import directions, alert rules, compose file. Runs all, then names what failed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv" / "bin"
PROMETHEUS = ROOT / "infra" / "prometheus"


def run(*command: str, environment: dict[str, str] | None = None) -> bool:
    """Whether the command ended well; its words are shown only if not."""
    settings = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-6000:], done.stderr[-3000:], sep="")
    return done.returncode == 0


def check_rules() -> bool:
    """promtool reads the alert rules and, if there are any, runs their tests."""
    if shutil.which("promtool") is None:
        print("    left out: no `promtool` on PATH")
        return True
    rules = [str(path) for path in PROMETHEUS.glob("*alerts*.yml") if "test" not in path.name]
    tests = [str(path) for path in PROMETHEUS.rglob("*test*.yml")]
    return (not rules or run("promtool", "check", "rules", *rules)) and (
        not tests or run("promtool", "test", "rules", *tests)
    )


def check_compose() -> bool:
    """Compose's own reading, where it is installed; tests/infra/test_compose.py reads the file anyway."""
    asked = ["docker", "compose", "version"]
    if shutil.which("docker") is None or subprocess.run(asked, capture_output=True, check=False).returncode != 0:
        print("    left out: no `docker compose` here (tests/infra/test_compose.py reads the file)")
        return True
    return run("docker", "compose", "--env-file", ".env.example", "config", "--quiet")


CHECKS: dict[str, Callable[[], bool]] = {
    "format": lambda: run(str(BIN / "ruff"), "format", "--check", "."),
    "lint": lambda: run(str(BIN / "ruff"), "check", "."),
    "types": lambda: run(str(BIN / "mypy")),
    "import directions": lambda: run(str(BIN / "lint-imports")),
    "alert rules": check_rules,
    "compose file": check_compose,
}


def main() -> int:
    failed = []
    for name, check in CHECKS.items():
        started = time.monotonic()
        if not check():
            failed.append(name)
        print(f"  {name:<20} {'FAILED' if name in failed else 'ok':<7} {time.monotonic() - started:5.1f} s", flush=True)
    if failed:
        print(f"\nerror: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
