"""`POST /v1/enroll` and `POST /v1/token`: how a device joins, and how it proves who it is."""

import base64
import binascii
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from stressvision_contracts.fleet import ASSERTION_TYPE, Enrolment, EnrolmentRequest, Token
from stressvision_ingest import metrics
from stressvision_ingest.answers import json_response, read_small_body
from stressvision_ingest.decoding import decode
from stressvision_ingest.errors import (
    BadEnvelopeError,
    ExpiredCodeError,
    NotJsonError,
    ProblemError,
    RevokedDeviceError,
    TooManyError,
    UnauthorizedError,
    UnknownCodeError,
    UsedCodeError,
)
from stressvision_ingest.openapi import describe
from stressvision_ingest.parts import Parts
from stressvision_ingest.tokens import (
    GRANT_TYPE,
    TOKEN_PATH,
    Claims,
    ClockError,
    SignatureError,
    TokenRequest,
    claimed_device,
    read_token_request,
    verify_assertion,
)
from stressvision_store import devices, keys
from stressvision_store.enrolment_codes import hash_code
from stressvision_store.refusals import ConflictError, NotFoundError, RefusedError
from stressvision_store.session import transaction

ENROL_PATH: Final = "/v1/enroll"
_KEY_BYTES: Final = 32
_ENROLMENT: Final = msgspec.json.Decoder(EnrolmentRequest)
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])

_PROBLEMS: Final[dict[type[RefusedError], type[ProblemError]]] = {
    NotFoundError: UnknownCodeError,
    ConflictError: UsedCodeError,
    devices.ExpiredError: ExpiredCodeError,
    devices.RevokedError: RevokedDeviceError,
}


def read_public_key(text: str) -> bytes:
    """The 32 raw bytes of an Ed25519 key given as base64url or PEM. Raise `BadEnvelopeError`."""
    try:
        if text.lstrip().startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
            if not isinstance(key, Ed25519PublicKey):
                raise BadEnvelopeError("public_key is no Ed25519 key", field="$.public_key")
            return key.public_bytes_raw()
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadEnvelopeError(f"public_key is neither base64url nor PEM: {error}", field="$.public_key") from None
    if len(raw) != _KEY_BYTES:
        raise BadEnvelopeError(f"public_key has {len(raw)} bytes; Ed25519 has {_KEY_BYTES}", field="$.public_key")
    return raw


def _enrol(parts: Parts, request: EnrolmentRequest, public_key: bytes) -> int:
    try:
        with transaction(parts.engine) as session:
            return devices.enrol(session, code_hash=hash_code(request.code), public_key=public_key, request=request)
    except RefusedError as error:
        raise _PROBLEMS[type(error)](str(error)) from None


async def _enrol_counted(parts: Parts, request: Request) -> Enrolment:
    """Wrong codes are limited by address, right ones are not: each is good once anyway."""
    address = request.client.host if request.client else ""
    wait_s = parts.failure_allowances.wait_s(address)
    if wait_s > 0:
        metrics.ENROLMENTS.labels(outcome="limited").inc()
        raise TooManyError("too many wrong enrolment codes from this address; wait", retry_after_s=int(wait_s) + 1)
    enrolment = decode(await read_small_body(request), _ENROLMENT)
    try:
        device_id = await run_in_threadpool(_enrol, parts, enrolment, read_public_key(enrolment.public_key))
    except ProblemError:
        parts.failure_allowances.spend(address, 1)
        metrics.ENROLMENTS.labels(outcome="refused").inc()
        raise
    metrics.ENROLMENTS.labels(outcome="joined").inc()
    await parts.roster.refresh()
    return Enrolment(device_id=device_id)


async def _grant(parts: Parts, wanted: TokenRequest) -> Token:
    if wanted.grant_type != GRANT_TYPE:
        raise BadEnvelopeError(f"grant_type must be {GRANT_TYPE!r}", error="unsupported_grant_type")
    if wanted.client_assertion_type != ASSERTION_TYPE:
        raise BadEnvelopeError(f"client_assertion_type must be {ASSERTION_TYPE!r}", error="invalid_request")
    device_id = claimed_device(wanted.client_assertion)
    if wanted.client_id not in (None, str(device_id)):
        raise UnauthorizedError("client_id is not the device of the assertion", error="invalid_client")
    parts.used_assertions.use(await _verify(parts, wanted.client_assertion, device_id))
    return parts.tokens.issue(device_id)


async def _verify(parts: Parts, assertion: str, device_id: int) -> Claims:
    """By the device's key; by the one before, while that holds; or by one that it got through another replica."""
    standing = await parts.roster.standing(device_id)
    try:
        return await _verify_by(parts, assertion, device_id, standing)
    except SignatureError:
        await parts.roster.refresh_soon()
        anew = await parts.roster.standing(device_id)
        if anew == standing:
            raise
        return await _verify_by(parts, assertion, device_id, anew)


async def _verify_by(parts: Parts, assertion: str, device_id: int, standing: devices.DeviceStanding) -> Claims:
    """The first use of a new key ends the one before."""
    try:
        claims = verify_assertion(assertion, standing.public_key)
    except SignatureError:
        if standing.previous_key is None:
            raise
        return verify_assertion(assertion, standing.previous_key)
    if standing.previous_key is not None:
        await run_in_threadpool(_drop_previous_key, parts, device_id, standing.public_key)
        await parts.roster.refresh()
    return claims


def _drop_previous_key(parts: Parts, device_id: int, used_key: bytes) -> None:
    with transaction(parts.engine) as session:
        keys.drop_previous_key(session, device_id, used_key)


async def _fields_of(request: Request) -> object:
    """A form, as the RFC wants it, or a JSON object."""
    body = await read_small_body(request)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            return dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=20))
        except ValueError as error:
            raise NotJsonError(f"the body is no form: {error}") from None
    return decode(body, _FIELDS)


def build_router(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["joining"])

    @router.post(
        ENROL_PATH,
        summary="Join with a code",
        status_code=201,
        response_class=Response,
        openapi_extra=describe(EnrolmentRequest, 201, Enrolment),
    )
    async def enrol(request: Request) -> Response:
        return json_response(await _enrol_counted(parts, request), 201)

    @router.post(
        TOKEN_PATH,
        summary="Get an access token for an assertion signed with the device's key (RFC 7523)",
        response_class=Response,
        openapi_extra=describe(TokenRequest, 200, Token, form=True),
    )
    async def token(request: Request) -> Response:
        try:
            granted = await _grant(parts, read_token_request(await _fields_of(request)))
        except ProblemError as error:
            metrics.TOKENS.labels(outcome="clock" if isinstance(error, ClockError) else "refused").inc()
            raise
        metrics.TOKENS.labels(outcome="given").inc()
        return json_response(granted, 200, headers={"Cache-Control": "no-store"})

    return router
