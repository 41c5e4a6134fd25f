"""The model in use, fetched to be set beside a candidate."""

import hashlib
import json
from pathlib import Path

from stressvision_trainer.control import Control
from stressvision_trainer.holding import Held


def fetch_champion(control: Control, held: Held, folder: Path) -> Path | None:
    """The folder of the model that the fleet should run; None when there is none, or the server has no file of it."""
    desired = control.desired_model()
    if desired is None:
        held.say("no model is in use, so there is none to compare with")
        return None
    version = str(desired["version"])
    manifest = control.model(version)["manifest"]
    content = control.model_file(version)
    if content is None or hashlib.sha256(content).hexdigest() != manifest["digest"]:
        held.say(f"the file of the model in use, {version}, is not on the server, so there is none to compare with")
        return None
    if manifest["label_scheme"] != "company5":
        held.say(f"the model in use, {version}, has other labels, so there is none to compare with")
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / manifest["file"]).write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
