"""Makes `.venv` and keeps it equal to the hashed requirements. Standard library only: `python3.11 environment.py dev`.

`native` holds what the platform runs on, `trainer` what retraining needs beside it, `dev` both and all for tests.
What is up to date is not touched.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from native.installer import fetch_pip, uv_settings
from native.system import can_install, install_packages

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "stressvision.json"

LIBRARIES = ("libs/contracts", "libs/telemetry", "libs/vision", "libs/store")
SERVICES = ("services/agent", "services/ingest", "services/control", "services/worker")
TRAINING = ("training", "services/trainer")
PACKAGES = {
    "native": (*LIBRARIES, *SERVICES, *TRAINING),  # `dataset add` looks for faces as training does; no TensorFlow yet
    "trainer": (*LIBRARIES, *TRAINING),
    "dev": (*LIBRARIES, *SERVICES, *TRAINING),
}
INCLUDES = {"native": ("native",), "trainer": ("trainer",), "dev": ("dev", "native", "trainer")}
"""What an environment also satisfies: all requirement files are compiled against the same versions."""


def fingerprint(kind: str) -> str:
    """Changes whenever anything that `kind` is made of changes, the folder included."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    files = [ROOT / "requirements" / name for name in ("uv.txt", f"{kind}.txt")]
    files += [ROOT / path / "pyproject.toml" for path in PACKAGES[kind]]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def make_venv() -> None:
    """An environment with pip in it, whatever this Python came with."""
    if not PYTHON.exists():
        if not _has_ensurepip() and can_install():
            _say("installing the system package that carries Python's venv")
            install_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"])
        without = [] if _has_ensurepip() else ["--without-pip"]
        subprocess.run([sys.executable, "-m", "venv", *without, str(VENV)], check=True)
    if subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        _say("fetching pip")
        wheel = fetch_pip(ROOT / "requirements" / "pip.txt", VENV)
        subprocess.run([PYTHON, f"{wheel}/pip", "install", "-q", "--no-index", str(wheel)], check=True)
        wheel.unlink()


def _has_ensurepip() -> bool:
    """Debian splits it off; a fresh process looks, since an import would remember the answer."""
    found = subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False)
    return found.returncode == 0


def install(kind: str) -> None:
    """Everything of `kind`, by hash; then our own packages, in place. By uv, which takes a fifth of pip's time."""
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if os.geteuid() == 0:
        pip.append("--root-user-action=ignore")
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "uv.txt")], check=True)
    uv = [str(PYTHON.with_name("uv")), "pip", "install", "--quiet", "--python", str(PYTHON)]
    uv += ["--index-strategy", "unsafe-best-match"]  # any index may have it, as with pip: the hash says what is taken
    settings = os.environ | uv_settings()
    named = ["--require-hashes", "-r", str(ROOT / "requirements" / f"{kind}.txt")]
    subprocess.run([*uv, *named], check=True, env=settings)
    ours = [word for path in PACKAGES[kind] for word in ("-e", str(ROOT / path))]
    subprocess.run([*uv, "--no-deps", "--no-build-isolation", *ours], check=True, env=settings)


def main() -> int:
    kind = sys.argv[1]
    wanted = {name: fingerprint(name) for name in INCLUDES[kind]}
    stamp = read_stamp()
    if PYTHON.exists() and stamp.get(kind) == wanted[kind]:
        return 0
    started = time.monotonic()
    _say(f"making .venv as requirements/{kind}.txt says (the first time this takes minutes)")
    try:
        make_venv()
        install(kind)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: .venv could not be made: {error}", file=sys.stderr)
        return 1
    STAMP.write_text(json.dumps({**stamp, **wanted}))
    _say(f"made .venv in {time.monotonic() - started:.0f} s")
    return 0


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
