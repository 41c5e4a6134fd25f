"""One tar with all that a site without internet needs: the playbook, Ansible, and everybody's wheels by platform."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

from deployment.layout import ANSIBLE, OPERATOR_WHEELS, PAYLOAD, PLATFORMS, REQUIREMENTS, ROOT, DeploymentError
from deployment.payload import digest

NEWEST_GLIBC = 36
"""Debian 12 has glibc 2.36, Debian 13 a newer one."""


def write() -> Path:
    """Fetch the wheels of all platforms beside the payload and pack it; return the path of the tar."""
    folder = ROOT / "dist" / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for platform in PLATFORMS:
            print(f"  wheels for {platform}", flush=True)
            _fetch(REQUIREMENTS / "agent.txt", platform, folder / PAYLOAD.relative_to(ROOT) / "wheels" / platform)
            _fetch(REQUIREMENTS / "deploy.txt", platform, folder / OPERATOR_WHEELS.relative_to(ROOT) / platform)
        name = f"stressvision-agents-{digest()}"
        path = ROOT / "dist" / f"{name}.tar"
        with tarfile.open(path, "w") as tar:
            tar.add(folder / "dist", f"{name}/dist")
            for part in (PAYLOAD, ANSIBLE, ROOT / "infra" / "deployment", REQUIREMENTS / "deploy.txt"):
                tar.add(part, f"{name}/{part.relative_to(ROOT)}", filter=_without_caches)
            tar.add(ROOT / "infra" / "deployment" / "deploy.sh", f"{name}/deploy.sh")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


def pins(text: str, platform: str) -> Iterator[str]:
    """The lines of a hashed requirements file that hold for `platform`, a requirement with its hashes on each.

    pip asks markers of the Python that it runs in, not of the one that `--python-version` names (pip issue 11664).
    """
    python, machine = platform.removeprefix("cp").split("-")
    version = f"{python[0]}.{python[1:]}"
    there = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    environment = {name: str(value) for name, value in default_environment().items()} | there
    for line in text.replace("\\\n", " ").splitlines():
        said, *hashes = line.split(" --hash=")
        if not said.strip() or said.lstrip().startswith("#"):
            continue
        wanted = Requirement(said.strip())
        if wanted.marker is None or wanted.marker.evaluate(environment):
            yield " --hash=".join([f"{wanted.name}{wanted.specifier}", *(digest.strip() for digest in hashes)])


def _fetch(requirements: Path, platform: str, folder: Path) -> None:
    python, machine = platform.removeprefix("cp").split("-")
    folder.mkdir(parents=True)
    chosen = folder / "requirements.txt"
    chosen.write_text("\n".join(pins(requirements.read_text(), platform)))
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(5, NEWEST_GLIBC + 1)]
    tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    target = [
        "--python-version",
        python,
        "--implementation",
        "cp",
        "--abi",
        f"cp{python}",
        "--abi",
        "abi3",
        "--abi",
        "none",
    ]
    target += [word for tag in tags for word in ("--platform", tag)]
    always = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *always, *target, "-r", str(chosen), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeploymentError(f"wheels for {platform} could not be fetched:\n{(done.stdout + done.stderr)[-3000:]}")
    chosen.unlink()
