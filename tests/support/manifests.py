"""Manifests that are valid unless told otherwise."""

import hashlib
import json
from pathlib import Path
from typing import Any

from stressvision_contracts.labels import COMPANY5

MODEL = b"no model, but bytes"


def make_manifest(**changes: Any) -> dict[str, Any]:
    thresholds = {
        "on": 0.5, "off": 0.4, "enter_share": 0.6, "leave_share": 0.4, "window_s": 60.0, "min_s": 30.0,
        "leave_s": 20.0, "merge_s": 15.0, "cooldown_s": 60.0,
    }  # fmt: skip
    manifest = {
        "version": "test-1",
        "file": "model.tflite",
        "digest": hashlib.sha256(MODEL).hexdigest(),
        "size_bytes": len(MODEL),
        "label_scheme": "company5",
        "labels": list(COMPANY5),
        "input": {"height": 48, "width": 48, "channels": 1, "dtype": "uint8", "margin": 0.1, "resize": "area"},
        "episodes": {"fatigue": thresholds, "stress": thresholds},
    }
    return manifest | changes


def content_of(version: str) -> bytes:
    """No two versions are the same file."""
    return MODEL + version.removeprefix("test-1").encode()


def write_model(folder: Path, **changes: Any) -> None:
    """A model folder as the trainer leaves it."""
    folder.mkdir()
    content = content_of(changes.get("version", "test-1"))
    (folder / "model.tflite").write_bytes(content)
    stated = {"digest": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(make_manifest(**stated | changes)))
