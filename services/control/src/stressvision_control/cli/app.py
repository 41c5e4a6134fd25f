"""`stressvision`: what operators do, as the control API's client.

A command that needs more than HTTP and tables (to sign, to check the audit, to lay out a page) imports that itself: no
other waits a second for it.
"""

from typing import Annotated

import typer

from stressvision_control.cli import (
    alerts,
    audit,
    dataset,
    devices,
    fleet,
    looks,
    model_repository,
    people,
    places,
    privacy,
    reports,
    rollouts,
    roster,
    status,
    tokens,
    training,
)
from stressvision_control.cli.client import CliSettings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Operate Stress Vision. The service is found by STRESSVISION_CONTROL_URL and asked with STRESSVISION_TOKEN "
    "(or STRESSVISION_ADMIN_TOKEN), from the environment or .env in the working directory.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the service is away, 4 no token or not for it.",
)
app.command("status")(status.show_status)
for name, group in {
    "alerts": alerts.alerts,
    "report": reports.reports,
    "sites": places.sites,
    "areas": places.areas,
    "stations": places.stations,
    "shifts": places.shifts,
    "employees": people.employees,
    "assignments": people.assignments,
    "check-ins": people.check_ins,
    "consents": people.consents,
    "roster": roster.roster,
    "devices": devices.devices,
    "enrolment-codes": fleet.enrolment_codes,
    "dead-letters": fleet.dead_letters,
    "models": model_repository.models,
    "rollouts": rollouts.rollouts,
    "dataset": dataset.dataset,
    "training": training.training,
    "tokens": tokens.tokens,
    "audit": audit.audit,
    "privacy": privacy.privacy,
    "looks": looks.looks,
}.items():
    app.add_typer(group, name=name)


@app.callback()
def connect(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Where the control API is.", show_default=False)] = None,
) -> None:
    settings = CliSettings()
    context.obj = settings if url is None else settings.model_copy(update={"control_url": url})
