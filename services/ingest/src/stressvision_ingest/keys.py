"""`POST /v1/key`: a device asks to be known by a new key, and shows that it holds that one and the old one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from stressvision_contracts.fleet import KEY_AUDIENCE, KEY_CLAIM, KeyRotation
from stressvision_ingest import metrics
from stressvision_ingest.answers import read_small_body
from stressvision_ingest.decoding import decode
from stressvision_ingest.enrolment import read_public_key
from stressvision_ingest.errors import ProblemError, TakenKeyError, UnauthorizedError
from stressvision_ingest.openapi import describe
from stressvision_ingest.parts import Parts
from stressvision_ingest.tokens import SignatureError, claimed_device, verify_assertion
from stressvision_store import keys
from stressvision_store.refusals import ConflictError
from stressvision_store.session import transaction

PATH: Final = "/v1/key"
_ROTATION: Final = msgspec.json.Decoder(KeyRotation)


def _check_new(proof: str, device_id: int, public_key: bytes) -> None:
    if claimed_device(proof) != device_id:
        raise UnauthorizedError("the proof is another device's; sign one with your own id", error="invalid_client")
    verify_assertion(proof, public_key, audience=KEY_AUDIENCE)


def _check_old(wanted: KeyRotation, device_id: int, held: Sequence[bytes]) -> None:
    """A token alone changes no key: whoever asks holds one of those that open the door now."""
    if claimed_device(wanted.old_proof) != device_id:
        raise UnauthorizedError("old_proof is another device's; sign one with your own id", error="invalid_client")
    for key in held:
        try:
            claims = verify_assertion(wanted.old_proof, key, audience=KEY_AUDIENCE)
        except SignatureError:
            continue
        if claims.key != wanted.public_key:
            raise UnauthorizedError(f"old_proof must name public_key as its {KEY_CLAIM!r}", error="invalid_client")
        return
    raise UnauthorizedError("old_proof is signed by no key that holds; sign with the old key", error="invalid_client")


def _change(parts: Parts, device_id: int, wanted: KeyRotation, public_key: bytes) -> bool:
    try:
        with transaction(parts.engine) as session:
            _check_old(wanted, device_id, keys.held_keys(session, device_id))
            return keys.change_key(session, device_id, public_key, at=datetime.now(UTC))
    except ConflictError as error:
        raise TakenKeyError(str(error), field="$.public_key") from None


async def _rotate(parts: Parts, request: Request) -> bool:
    """The proofs may come again: whoever has lost the answer sends the same, and the same holds afterwards."""
    device_id = parts.tokens.device_of(request.headers.get("authorization", ""))
    await parts.roster.standing(device_id)
    wanted = decode(await read_small_body(request), _ROTATION)
    public_key = read_public_key(wanted.public_key)
    _check_new(wanted.proof, device_id, public_key)
    changed = await run_in_threadpool(_change, parts, device_id, wanted, public_key)
    if changed:
        await parts.roster.refresh()
    return changed


def build_router(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["joining"])

    @router.post(
        PATH,
        summary="Be known by a new key; the old one holds until the new one has got a token",
        status_code=204,
        response_class=Response,
        openapi_extra=describe(KeyRotation, 204, None, token=True),
    )
    async def change_key(request: Request) -> Response:
        try:
            changed = await _rotate(parts, request)
        except ProblemError:
            metrics.KEY_CHANGES.labels(outcome="refused").inc()
            raise
        metrics.KEY_CHANGES.labels(outcome="changed" if changed else "known").inc()
        return Response(status_code=204)

    return router
