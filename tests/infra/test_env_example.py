"""`.env.example` is the list of what an operator may set: each setting of each service is in it, with its default."""

import re
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from native.layout import ROOT
from stressvision_control.settings import Settings as ControlSettings
from stressvision_ingest.settings import Settings as IngestSettings
from stressvision_worker.alerts import AlertSettings
from stressvision_worker.settings import Settings as WorkerSettings

TEXT = (ROOT / ".env.example").read_text()
GIVEN = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", TEXT, re.MULTILINE))


def settings_of(service: type[BaseSettings]) -> list[tuple[str, Any]]:
    """The variable and the default of each."""
    prefix = service.model_config["env_prefix"]
    return [
        (str(field.validation_alias or f"{prefix}{name}").upper(), field.default)
        for name, field in service.model_fields.items()
    ]


@pytest.mark.parametrize(
    "service", [IngestSettings, ControlSettings, WorkerSettings, AlertSettings], ids=lambda one: one.__module__
)
def test_every_setting_of_a_service_is_listed_with_its_default(service: type[BaseSettings]) -> None:
    for name, default in settings_of(service):
        assert name in GIVEN, f"add {name}={default} to .env.example, with a sentence"
        if not name.endswith(("_URL", "_SECRET", "_TOKEN", "_ENV")) and not isinstance(default, SecretStr):
            assert GIVEN[name] == ("" if default is None else str(default)), name


def test_nothing_is_listed_twice() -> None:
    names = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", TEXT, re.MULTILINE)
    assert sorted(names) == sorted(set(names))
