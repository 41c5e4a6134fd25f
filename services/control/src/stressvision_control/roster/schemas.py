"""What travels about rosters, besides the CSV itself."""

from stressvision_control.fields import View


class ChangeView(View):
    line: int
    action: str
    noun: str
    what: str


class BadCellView(View):
    """`column` is empty where the whole line is meant; `value` is left out for names and badges."""

    line: int
    column: str
    value: str
    message: str


class RosterReport(View):
    """`applied` is false after a dry run. `bad`: every line that must be mended before the file can be imported."""

    lines: int
    applied: bool
    bad: list[BadCellView]
    changes: list[ChangeView]
