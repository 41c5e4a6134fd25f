"""What travels about looks at one person."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from stressvision_control.fields import Body, Name, Reason, View
from stressvision_store.looks import LONGEST, PlacedLook

HOUR_S = 3600.0


class NewLook(Body):
    """`employee`: the pseudonym. The person is told the reason."""

    employee: Name
    reason: Reason
    hours: Annotated[float, Field(gt=0, le=LONGEST.total_seconds() / HOUR_S)] = 1.0


class LookView(View):
    """`live`: dashboards show the person now. It ends early by a word, a withdrawn consent or an objection."""

    id: int
    pseudonym: str
    site: str
    officer: str
    reason: str
    since: datetime
    until: datetime
    ended_at: datetime | None
    ended_by: str | None
    live: bool


def view_of(placed: PlacedLook) -> LookView:
    own = {name: getattr(placed.look, name) for name in LookView.model_fields if hasattr(placed.look, name)}
    return LookView(**own, pseudonym=placed.pseudonym, site=placed.site, live=placed.live)
