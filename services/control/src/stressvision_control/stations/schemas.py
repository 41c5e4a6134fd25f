"""What travels about stations."""

from stressvision_control.fields import Body, Id, Name, View


class NewStation(Body):
    area_id: Id
    name: Name


class StationChange(Body):
    name: Name


class StationView(View):
    id: int
    area_id: int
    name: str
