"""What travels about sites."""

from stressvision_contracts.labels import SiteProfile
from stressvision_control.fields import Body, Name, View


class NewSite(Body):
    """`time_zone`: an IANA name. `profile`: which classes may exist there at all."""

    name: Name
    time_zone: Name
    profile: SiteProfile = "safety"


class SiteChange(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    time_zone: Name | None = None


class ProfileChange(Body):
    profile: SiteProfile


class SiteView(View):
    id: int
    name: str
    time_zone: str
    profile: SiteProfile
