"""What travels about sites."""

from datetime import datetime
from typing import Literal

from stressvision_contracts.labels import SiteProfile
from stressvision_control.fields import Body, Name, Reason, View


class NewSite(Body):
    """`time_zone`: an IANA name. `profile`: which classes may exist there at all."""

    name: Name
    time_zone: Name
    profile: SiteProfile = "safety"


class SiteChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    time_zone: Name | None = None


class ProfileWish(Body):
    """`reason` is needed for a profile that is wider than the present one."""

    profile: SiteProfile
    reason: Reason | None = None


class ProfileChangeView(View):
    """`state`: proposed (until `expires_at`), applied, rejected or expired."""

    id: int
    site_id: int
    before: SiteProfile
    after: SiteProfile
    reason: str | None
    state: Literal["proposed", "applied", "rejected", "expired"]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None


class SiteView(View):
    id: int
    name: str
    time_zone: str
    profile: SiteProfile
