"""What travels about the audit."""

from datetime import datetime
from typing import Any

from stressvision_control.fields import View


class EntryView(View):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
