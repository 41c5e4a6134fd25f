"""Who is speaking: a device signs an assertion with its own key (RFC 7523) and gets a token for an hour.

Nothing secret of a device is kept here. An assertion is good once, in this process: one that is caught on its way and
sent to another replica within its five minutes gets a token of the same device, which TLS is there to prevent.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from stressvision_contracts.fleet import ASSERTION_AUDIENCE, KEY_CLAIM, Token
from stressvision_ingest.errors import BadEnvelopeError, UnauthorizedError

AUDIENCE: Final = "stressvision-ingest/v1"
ISSUER: Final = "stressvision-ingest"
GRANT_TYPE: Final = "client_credentials"
TOKEN_PATH: Final = "/v1/token"  # noqa: S105 - a path
ASSERTION_LIFETIME_S: Final = 300
LEEWAY_S: Final = 30
REMEMBERED_TOKENS: Final = 10_000


class ClockError(UnauthorizedError):
    """The assertion's times do not hold; the device should sign again relative to `server_time`."""


class SignatureError(UnauthorizedError):
    """The assertion was signed by another key, or changed since."""


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749 section 4.4 with RFC 7523 section 2.2. Other fields are ignored, as the RFC wants."""

    client_assertion: Annotated[str, Meta(max_length=4096)]
    client_assertion_type: Annotated[str, Meta(max_length=200)]
    grant_type: Annotated[str, Meta(max_length=100)] = GRANT_TYPE
    client_id: Annotated[str, Meta(max_length=100)] | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """Of an assertion whose signature holds."""

    device_id: int
    jti: str
    expires_at: float
    key: object
    """Which key it is for (`KEY_CLAIM`), None where it says nothing."""


def claimed_device(assertion: str) -> int:
    """Whom an assertion says it is from, before anything is proven."""
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        subject, issuer = claims["sub"], claims["iss"]
    except (jwt.InvalidTokenError, KeyError):
        raise UnauthorizedError("client_assertion is no JWT with iss and sub", error="invalid_client") from None
    if subject != issuer or not (
        isinstance(subject, str) and subject.isascii() and subject.isdigit() and len(subject) < 10
    ):
        raise UnauthorizedError("iss and sub must both be the device's id, as text", error="invalid_client")
    return int(subject)


def verify_assertion(
    assertion: str, public_key: bytes, now_s: float | None = None, *, audience: str = ASSERTION_AUDIENCE
) -> Claims:
    """Raise `ClockError` when only its times are wrong, `SignatureError` or `UnauthorizedError` for anything else."""
    now_s = time.time() if now_s is None else now_s
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            Ed25519PublicKey.from_public_bytes(public_key),
            algorithms=["EdDSA"],
            options={"require": ["iss", "sub", "exp", "jti", "aud"], "verify_aud": False, "verify_exp": False,
                     "verify_iat": False, "verify_nbf": False},
        )  # fmt: skip
    except jwt.InvalidSignatureError as error:
        raise SignatureError(f"client_assertion does not hold: {error}", error="invalid_client") from None
    except jwt.InvalidTokenError as error:
        raise UnauthorizedError(f"client_assertion does not hold: {error}", error="invalid_client") from None
    _check_audience(claims["aud"], audience)
    if not isinstance(claims["jti"], str) or not 8 <= len(claims["jti"]) <= 128:
        raise UnauthorizedError("jti must be text of 8 to 128 characters", error="invalid_client")
    _check_times(claims, now_s)
    return Claims(int(claims["sub"]), claims["jti"], float(claims["exp"]), claims.get(KEY_CLAIM))


def _check_audience(audience: object, wanted: str) -> None:
    """The wanted by name, or the token endpoint by whatever URL the device reaches it (RFC 7523 section 3)."""
    for one in audience if isinstance(audience, list) else [audience]:
        if one == wanted:
            return
        if wanted != ASSERTION_AUDIENCE:
            continue
        try:
            if isinstance(one, str) and urlsplit(one).path.endswith(TOKEN_PATH):
                return
        except ValueError:
            continue
    other = f" or the URL of {TOKEN_PATH}" if wanted == ASSERTION_AUDIENCE else ""
    raise UnauthorizedError(f"aud must be {wanted!r}{other}", error="invalid_client")


def _check_times(claims: dict[str, Any], now_s: float) -> None:
    times: dict[str, float] = {}
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnauthorizedError(f"{name} must be a number", error="invalid_client")
        times[name] = value
    if times["exp"] <= now_s - LEEWAY_S:
        raise ClockError("client_assertion has expired; is the clock right?", error="invalid_client")
    if times["exp"] > now_s + ASSERTION_LIFETIME_S + LEEWAY_S:
        raise ClockError(
            f"exp may be {ASSERTION_LIFETIME_S} s ahead at most; is the clock right?", error="invalid_client"
        )
    if max(times["iat"], times["nbf"]) > now_s + LEEWAY_S:
        raise ClockError("client_assertion is from the future; is the clock right?", error="invalid_client")


class UsedAssertions:
    """Remembers which assertions have been used, as long as they could be used again."""

    def __init__(self) -> None:
        self._until: dict[tuple[int, str], float] = {}
        self._swept_at_s = 0.0

    def use(self, claims: Claims, now_s: float | None = None) -> None:
        """Raise `UnauthorizedError` the second time."""
        now_s = time.time() if now_s is None else now_s
        if now_s - self._swept_at_s > LEEWAY_S:
            self._until = {key: until for key, until in self._until.items() if until > now_s}
            self._swept_at_s = now_s
        key = (claims.device_id, claims.jti)
        if key in self._until:
            raise UnauthorizedError("this client_assertion has been used; sign a new one", error="invalid_client")
        self._until[key] = claims.expires_at + LEEWAY_S


class AccessTokens:
    """Makes and reads the tokens that devices show with each request."""

    def __init__(self, secret: str, *, lifetime_s: int) -> None:
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._read: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def issue(self, device_id: int) -> Token:
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(device_id),
            "iat": now,
            "exp": now.timestamp() + self._lifetime_s,
        }
        return Token(access_token=jwt.encode(claims, self._secret, algorithm="HS256"), expires_in=self._lifetime_s)

    def device_of(self, authorization: str) -> int:
        """Of an `Authorization` header. Raise `UnauthorizedError`.

        Tokens that held are remembered: a device shows the same one for an hour.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthorizedError("send Authorization: Bearer and a token of POST /v1/token")
        known = self._read.get(token)
        if known is None:
            known = self._remember(token, self._decode(token))
        device_id, expires_at = known
        if expires_at <= time.time():
            raise UnauthorizedError("the token has expired; get a new one of POST /v1/token")
        return device_id

    def _decode(self, token: str) -> tuple[int, float]:
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER,
                options={"require": ["sub", "exp"]},
            )  # fmt: skip
        except jwt.InvalidTokenError as error:
            raise UnauthorizedError(f"the token does not hold: {error}; get a new one of POST /v1/token") from None
        return int(claims["sub"]), float(claims["exp"])

    def _remember(self, token: str, held: tuple[int, float]) -> tuple[int, float]:
        self._read[token] = held
        if len(self._read) > REMEMBERED_TOKENS:
            self._read.popitem(last=False)
        return held


def read_token_request(fields: object) -> TokenRequest:
    """Of a decoded form or JSON object. Raise `BadEnvelopeError` naming the field."""
    try:
        return msgspec.convert(fields, TokenRequest)
    except msgspec.ValidationError as error:
        raise BadEnvelopeError(str(error), error="invalid_request") from None
