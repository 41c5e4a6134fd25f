"""Who is asking, and whether the route is for them: bearer tokens with roles, and a route says which it takes."""

import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stressvision_control.dependencies import SessionDep
from stressvision_control.errors import ForbiddenError, PurposeError, ThrottledError, UnauthenticatedError
from stressvision_control.metrics import REFUSED_TOKENS
from stressvision_store import audit, tokens

Role = Literal["admin", "operator", "hr", "safety", "ml", "privacy"]
ROLES: tuple[Role, ...] = get_args(Role)
BOOTSTRAP = "bootstrap admin"
"""How whoever holds STRESSVISION_ADMIN_TOKEN is called in the audit."""

PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token from POST /v1/tokens")


@dataclass(frozen=True, slots=True)
class Caller:
    """`token_id` is None for the token of the environment."""

    name: str
    roles: frozenset[str]
    token_id: int | None

    @property
    def actor(self) -> str:
        return self.name if self.token_id is None else f"{self.name} (token {self.token_id})"


class FailedAttempts:
    """Counts bad tokens by address over `window_s`; at most `addresses` are remembered, the oldest goes first.

    A good token always passes: it has 256 bits, so the limit is there against noise, not against guessing, and one
    broken script must not lock out everybody behind the same proxy.
    """

    def __init__(
        self,
        *,
        limit: int = 10,
        window_s: float = 60.0,
        addresses: int = 10_000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._window_s, self._addresses, self._now = limit, window_s, addresses, now
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def record(self, address: str) -> int:
        """Seconds to wait when there were too many within the window, else 0."""
        at = self._now()
        failures = self._failures.setdefault(address, deque(maxlen=self._limit + 1))
        self._failures.move_to_end(address)
        failures.append(at)
        while failures[0] <= at - self._window_s:
            failures.popleft()
        while len(self._failures) > self._addresses:
            self._failures.popitem(last=False)
        return int(failures[0] + self._window_s - at) + 1 if len(failures) > self._limit else 0


def authenticate(
    request: Request,
    session: SessionDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    if credentials is None:
        raise UnauthenticatedError("this needs a token: Authorization: Bearer …")
    token = credentials.credentials
    bootstrap: str | None = request.app.state.admin_token
    if bootstrap is not None and hmac.compare_digest(token.encode(), bootstrap.encode()):
        return Caller(BOOTSTRAP, frozenset({"admin"}), None)
    row = tokens.find_token(session, token)
    if row is None:
        REFUSED_TOKENS.inc()
        failures: FailedAttempts = request.app.state.failed_attempts
        wait_s = failures.record(request.client.host if request.client else "")
        if wait_s:
            raise ThrottledError(wait_s)
        raise UnauthenticatedError("this token is unknown, expired or revoked; ask an administrator for another")
    return Caller(row.name, frozenset(row.roles), row.id)


CallerDep = Annotated[Caller, Depends(authenticate)]


def allow(
    *roles: Role, request_body: dict[str, Any] | None = None, response: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The arguments by which a route says whom it is for: `@router.get("", **allow("admin"))`.

    `request_body` and `response` describe, for the OpenAPI document, what is no JSON.
    """

    def authorise(caller: CallerDep) -> None:
        if not caller.roles & set(roles):
            held = ", ".join(sorted(caller.roles)) or "none"
            raise ForbiddenError(f"this needs one of the roles {', '.join(roles)}; the token has {held}")

    return {
        "dependencies": [Depends(authorise)],
        "openapi_extra": {"x-roles": list(roles)} | ({"requestBody": request_body} if request_body else {}),
        "responses": dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429, 503), PROBLEM)
        | ({200: response} if response else {}),
    }


@dataclass(frozen=True, slots=True)
class PersonalRead:
    """Leaves a line in the audit for a look at what is kept of people."""

    session: SessionDep
    caller: Caller
    reason: str | None

    def note(self, action: str, subject: str, **detail: Any) -> None:
        if self.reason is not None:
            detail["reason"] = self.reason
        audit.append(self.session, actor=self.caller.actor, action=action, subject=subject, **detail)


def personal_read(
    session: SessionDep,
    caller: CallerDep,
    reason: Annotated[
        str | None,
        Query(
            min_length=10,
            max_length=200,
            pattern=r"^[^\x00-\x1f]*$",
            description="Why; needed by a caller who is only a safety officer",
        ),
    ] = None,
) -> PersonalRead:
    if reason is None and not caller.roles & {"admin", "operator", "privacy"}:
        raise PurposeError
    return PersonalRead(session, caller, reason)


PersonalReadDep = Annotated[PersonalRead, Depends(personal_read)]
