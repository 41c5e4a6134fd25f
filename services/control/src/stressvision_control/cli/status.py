"""The platform at a glance."""

import typer

from stressvision_control.cli.client import open_api
from stressvision_control.cli.output import JsonOption, show


def show_status(context: typer.Context, as_json: JsonOption = False) -> None:
    """The platform at a glance: places, devices, their books, and what waits to be rolled up."""
    show(open_api(context, as_json=as_json).get("/v1/status"), as_json=as_json, title="Stress Vision")
