"""What travels about areas."""

from stressvision_control.fields import Body, Id, Name, View


class NewArea(Body):
    site_id: Id
    name: Name


class AreaChange(Body):
    name: Name


class AreaView(View):
    id: int
    site_id: int
    name: str
