"""Whether a fetched model may be put in use: its manifest, then a try in a child process."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stressvision_agent.updates.selftest import Findings
from stressvision_agent.updates.slots import Loading
from stressvision_contracts.manifest import Manifest
from stressvision_vision.classifier import MANIFEST_NAME

NOT_FOR_CHILDREN = ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ModelRefusedError(Exception):
    """This model is not for this device; the message says why, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a model must reach in the self-test: `latency_s` at the 95th percentile, all of it within `timeout_s`."""

    latency_s: float
    timeout_s: float


def check_manifest(manifest: Manifest, agent_version: str) -> None:
    """Raise `ModelRefusedError` for a model of another scheme, or for a newer agent."""
    if manifest.label_scheme != "company5":
        raise ModelRefusedError(f"it knows the labels of {manifest.label_scheme}; a device needs those of company5")
    if manifest.runtime != "tflite":
        raise ModelRefusedError(f"it is for {manifest.runtime}; this device runs tflite")
    if Path(manifest.file).name != manifest.file or manifest.file in {"..", MANIFEST_NAME}:
        raise ModelRefusedError(f"its file has no bare name: {manifest.file!r}")
    if _numbers(manifest.min_agent_version) > _numbers(agent_version):
        raise ModelRefusedError(f"it needs agent {manifest.min_agent_version} or newer, this one is {agent_version}")


def try_model(folder: Path, loading: Loading, bar: Bar) -> None:
    """Load and try the model in `folder` in a child process; raise `ModelRefusedError`, or `OSError` without one."""
    command = [sys.executable, "-m", "stressvision_agent.updates.selftest", str(folder), str(loading.threads)]
    if loading.delegate is not None:
        command.append(str(loading.delegate))
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN} | ONE_THREAD
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=bar.timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelRefusedError(f"its self-test did not end in {bar.timeout_s:g} s") from error
    findings = _findings(done)
    if findings.fault is not None:
        raise ModelRefusedError(findings.fault)
    if findings.p95_s is None or findings.p95_s > bar.latency_s:
        took_ms = (findings.p95_s or 0) * 1000
        raise ModelRefusedError(f"it takes {took_ms:.0f} ms for a face (p95), more than {bar.latency_s * 1000:.0f} ms")


def _findings(done: "subprocess.CompletedProcess[bytes]") -> Findings:
    if done.returncode < 0:
        raise ModelRefusedError(
            f"it crashed the interpreter in the self-test ({signal.Signals(-done.returncode).name})"
        )
    try:
        return msgspec.json.decode(done.stdout, type=Findings)
    except msgspec.DecodeError as error:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelRefusedError(f"its self-test failed: {''.join(last)[-150:]}") from error


def _numbers(version: str) -> tuple[int, ...]:
    """As far as a version is numbers; `1.2rc1` is 1.2."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = "".join(character for character in part if character.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
