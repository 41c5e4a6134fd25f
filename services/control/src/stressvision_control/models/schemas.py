"""What travels about models."""

from datetime import datetime
from typing import Any, Self

import msgspec
from pydantic import computed_field

from stressvision_contracts.manifest import Manifest
from stressvision_control.fields import Body, Reason, View
from stressvision_control.models.scores import figures_of
from stressvision_store.model_tables import ModelState, ModelVersion


class ModelView(View):
    """`published_at`: since when devices can download it; null while they cannot."""

    version: str
    digest: str
    state: ModelState
    registered_at: datetime
    registered_by: str | None
    approved_at: datetime | None
    approved_by: str | None
    published_at: datetime | None
    desired: bool
    accuracy: float | None = None
    macro_f1: float | None = None
    size_bytes: int | None = None

    @classmethod
    def of(cls, row: ModelVersion) -> Self:
        """Figures are those of the INT8 file on the test split, where its manifest has them."""
        figures = figures_of(row.manifest)
        shown = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        size = row.manifest.get("size_bytes")
        return cls(**shown, accuracy=figures.get("accuracy"), macro_f1=figures.get("macro_f1"), size_bytes=size)


class OverrideView(View):
    actor: str
    reason: str
    at: datetime


class ReportView(View):
    name: str
    size_bytes: int
    kept_at: datetime


class ModelDetail(ModelView):
    """`untried_gates`: for want of faces. `notice`: what is still to be done before devices can have it."""

    manifest: dict[str, Any]
    has_file: bool
    unmet_gates: list[str]
    untried_gates: list[str]
    overrides: list[OverrideView]
    reports: list[ReportView]
    notice: str | None


class FileView(View):
    """`is_new`: false when the very same was here already."""

    size_bytes: int
    is_new: bool


class ReasonBody(Body):
    reason: Reason


class RoleView(View):
    """What is in force of one role of the repository."""

    role: str
    version: int
    expires_at: datetime
    key_ids: list[str]
    threshold: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def days_left(self) -> float:
        return round((self.expires_at - datetime.now(self.expires_at.tzinfo)).total_seconds() / 86_400, 2)


class RepositoryView(View):
    """`signs`: for which roles this server holds a key that root names."""

    roles: list[RoleView]
    signs: list[str]
    offered: list[str]


class SignedView(View):
    """What devices are offered from now on."""

    version: int
    offered: list[str]


def manifest_schema() -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schema of a manifest, and those it refers to, for the OpenAPI document."""
    (schema,), components = msgspec.json.schema_components((Manifest,), ref_template="#/components/schemas/{name}")
    return schema, components
