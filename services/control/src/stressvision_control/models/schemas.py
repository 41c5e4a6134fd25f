"""What travels about models."""

from datetime import datetime
from typing import Any

import msgspec

from stressvision_contracts.manifest import Manifest
from stressvision_control.fields import View


class ModelView(View):
    version: str
    digest: str
    registered_at: datetime
    desired: bool


class ModelDetail(ModelView):
    manifest: dict[str, Any]


def manifest_schema() -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schema of a manifest, and those it refers to, for the OpenAPI document."""
    (schema,), components = msgspec.json.schema_components((Manifest,), ref_template="#/components/schemas/{name}")
    return schema, components
