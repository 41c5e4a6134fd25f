"""The model that a trainer publishes: read from a form, checked, and registered with all that belongs to it."""

import hashlib
import re
from dataclasses import dataclass, field

from fastapi import Request
from sqlmodel import Session
from starlette.datastructures import UploadFile

from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_store import model_files, model_reports, model_versions
from stressvision_store.refusals import InvalidError

MOST_FILES = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """`reports` by file name; the card is one of them, README.md."""

    fence: int
    manifest: Manifest
    model: bytes
    reports: dict[str, bytes] = field(default_factory=dict)

    def keep(self, session: Session, registered_by: str) -> None:
        """Register it with its file and reports, in the caller's transaction."""
        row, _ = model_versions.register_model(session, self.manifest, actor=registered_by)
        model_files.keep_file(session, row.version, self.model)
        for name, content in self.reports.items():
            model_reports.keep(session, row.version, name, content)


async def read_candidate(request: Request) -> Candidate:
    """The fields of the form: `fence`, `manifest`, `model`, `card`, and `report` as often as there are any."""
    async with request.form(max_files=MOST_FILES, max_fields=4) as form:
        fence = form.get("fence")
        if not isinstance(fence, str) or re.fullmatch(r"[0-9]{1,18}", fence) is None:
            raise InvalidError("the form has no fence; send the one that the claim gave", field="fence")
        sent = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
        files = {name: await part.read() for name, part in sent if name != "report"}
        reports = {part.filename or "": await part.read() for name, part in sent if name == "report"}
    for name in ("manifest", "model"):
        if name not in files:
            raise InvalidError(f"the form has no file {name!r}", field=name)
    try:
        manifest = read_manifest(files["manifest"])
    except ValueError as error:
        raise InvalidError(f"this is no manifest: {error}", field="manifest") from error
    if hashlib.sha256(files["model"]).hexdigest() != manifest.digest:
        raise InvalidError("the model is not the file that the manifest speaks of; export it again", field="model")
    if "card" in files:
        reports["README.md"] = files["card"]
    return Candidate(int(fence), manifest, files["model"], reports)
