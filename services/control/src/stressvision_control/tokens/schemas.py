"""What travels about tokens."""

from datetime import datetime

from pydantic import Field

from stressvision_control.fields import Body, Name, View
from stressvision_control.security import Role


class NewToken(Body):
    """`valid_days` null: until it is revoked."""

    name: Name
    roles: list[Role] = Field(min_length=1, max_length=6)
    valid_days: int | None = Field(default=90, ge=1, le=3650)


class TokenView(View):
    """`id` is null for the token of the environment, which no request can revoke."""

    id: int | None
    name: str
    roles: list[Role]
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    bootstrap: bool = False


class TokenShownOnce(TokenView):
    """`token` is shown here and never again."""

    token: str
