"""How a model was made, for its manifest: the runs, their teachers, the data, and the terms that come with them."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from stressvision_training.data.dataset import Dataset

RESEARCH_NOTE: Final = (
    "Weights derived from data offered for research only: {sources}. For evaluation; not licensed for commercial use."
)
COMPANY_NOTE: Final = "Weights derived from {sources}: the company's own pictures, as the people in them agreed to."
PRETRAINED_NOTE: Final = " They began as pretrained weights, whose terms hold, too."


def provenance_of(facts: dict[str, Any], seed: int, faces_digest: str, faces: int, data: Dataset) -> dict[str, Any]:
    """Return what a manifest keeps of the run whose `facts` are given, its calibration faces and its data."""
    return _way(facts) | {
        "epochs": facts["epochs"],
        "of_epochs": facts["of_epochs"],
        "seed": seed,
        "pretrained": facts.get("weights_sha256"),
        "policy": facts.get("policy"),
        "prepared": facts.get("prepared", []),
        "code": facts.get("code"),
        "data": facts["data"],
        "sources": sorted(set(data.sources[data.splits == "train"].tolist())),
        "ferplus_votes": bool(data.votes.any()),
        "test_usages": sorted(set(data.usages[(data.splits == "test") & (data.sources == "fer2013")].tolist())),
        "train_rows": int((data.splits == "train").sum()),
        "calibration_faces": faces,
        "calibration_sha256": faces_digest,
        "versions": facts["versions"] | {"stressvision-training": importlib.metadata.version("stressvision-training")},
    }


def _way(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a run was made, and so of the run that it began with, if one is known."""
    begun = facts.get("init")
    return {
        "recipe": facts["recipe"],
        "changes": [without_folder(change) for change in facts.get("changes") or ()],
        "teachers": facts.get("teachers") or [],
        "teachers_are_live": bool(facts.get("teachers_are_live")),
        "init": begun | _way(begun) if begun and begun.get("recipe") else begun,
    }


def without_folder(change: str) -> str:
    """Where a file of weights lay on one machine is nobody else's concern."""
    key, _, value = change.partition("=")
    name = PurePath(value.strip("'\"")).name
    return f"{key}={name}" if "/" in value else change


def licence_note(provenance: dict[str, Any]) -> str:
    """Return what the terms of the data, and of pretrained weights, allow."""
    sources = provenance["sources"]
    note = (RESEARCH_NOTE if "fer2013" in sources else COMPANY_NOTE).format(sources=", ".join(sources))
    return note + (PRETRAINED_NOTE if provenance["pretrained"] else "")
