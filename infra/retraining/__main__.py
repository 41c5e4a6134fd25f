"""`make retrain RECIPE=…`: ask the running platform for a run, start a trainer here if none is about, and follow it."""

import argparse
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from native.dotenv import read_dotenv
from native.layout import ROOT
from retraining.trainer import RetrainingError, ensure_trainer, trainer_is_about

BIN = ROOT / ".venv" / "bin"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make retrain", description=__doc__)
    parser.add_argument("recipe", help="a TOML file, or the name of one in training/recipes")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, default=ROOT / ".stack" / "trainer", help="where runs lie")
    parser.add_argument("--env", type=Path, default=ROOT / ".env", help="settings of the platform")
    asked = parser.parse_args()
    settings = (read_dotenv(asked.env) if asked.env.is_file() else {}) | dict(os.environ)
    try:
        about = trainer_is_about(settings)
        if not about:
            install()
        started = start(asked.recipe, asked.changes, settings)
        if not about:
            log = ensure_trainer(settings, asked.folder)
            print(f"  no trainer was about, so one works here until none waits; its log is {log}", flush=True)
    except (RetrainingError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"  Ctrl-C leaves it running: stressvision training follow {started} | cancel {started}", flush=True)
    follow = [str(BIN / "stressvision"), "training", "follow", str(started)]
    try:
        return subprocess.run(follow, env=settings, check=False).returncode
    except KeyboardInterrupt:
        return 130


def install() -> None:
    """What retraining needs beside the platform, TensorFlow first of all; the first time only."""
    if all(importlib.util.find_spec(name) for name in ("tensorflow", "stressvision_trainer")):
        return
    print("  retraining needs TensorFlow, which is some 600 MB to fetch (the first time only)", flush=True)
    subprocess.run([sys.executable, ROOT / "infra" / "native" / "environment.py", "trainer"], check=True)


def start(recipe: str, changes: list[str], settings: dict[str, str]) -> int:
    """Queue the run; return its number."""
    command = [str(BIN / "stressvision"), "training", "start", recipe]
    command += [word for change in changes for word in ("--set", change)]
    done = subprocess.run([*command, "--json"], env=settings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RetrainingError(f"{shlex.join(command)} failed:\n{(done.stderr or done.stdout).strip()}")
    return int(json.loads(done.stdout)["id"])


if __name__ == "__main__":
    sys.exit(main())
