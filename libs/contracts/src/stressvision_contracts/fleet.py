"""How a device joins, proves who it is, and reports how it is."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stressvision_contracts.events import BootId, Count, Ratio, Sequence, Time, Version
from stressvision_contracts.labels import SiteProfile

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""

ASSERTION_AUDIENCE = "stressvision-ingest"

KEY_AUDIENCE = "stressvision-ingest-key"
"""Of the assertions by which a device shows that it holds the new key it asks for, and the old one."""

KEY_CLAIM = "key"
"""Names, in the assertion by the old key, the new one that it is for."""

Bytes = Annotated[int, Meta(ge=0, le=2**63 - 1)]
ShortText = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]


class EnrolmentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`public_key`: the raw 32 bytes of an Ed25519 public key, base64url without padding, or PEM."""

    code: ShortText
    public_key: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
    hostname: ShortText
    hardware: ShortText
    agent_version: Version


class Enrolment(Struct, frozen=True, kw_only=True):
    device_id: int


class Token(Struct, frozen=True, kw_only=True):
    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a word of RFC 6750


class KeyRotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device asks to be known by `public_key` from now on. The old key holds until the new one is used.

    Both proofs are assertions for `KEY_AUDIENCE`: `proof` is signed with the new key; `old_proof` with a key that holds
    now, and its claim `KEY_CLAIM` is `public_key`: neither a stolen token nor another request's proof changes a key.
    """

    public_key: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
    proof: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")]
    old_proof: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")]


UpdateState = Literal["downloaded", "verified", "installed", "confirmed", "rejected", "reverted"]
"""How far a device is with a model: fetched whole, signed and tried, in use, proven, or refused before or after use."""


class ModelUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a device is with the model it was last offered; `reason` says why it was rejected or reverted."""

    version: Version
    state: UpdateState
    reason: ShortText | None = None


class Heartbeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a device is. Everything but the first four may be unknown (None).

    `next_seq` is how many events it has ever produced; `spooled` how many wait, the oldest `spool_age_s` old.
    `state` says why nothing is seen when nothing is. `model_digest` is the SHA-256 of the model file really loaded;
    `bad_outputs` counts since it was loaded how often it gave no probability distribution.
    """

    sent_at: Time
    boot_id: BootId
    agent_version: Version
    next_seq: Sequence
    sent_monotonic_s: float | None = None
    model_version: Version | None = None
    model_digest: ShortText | None = None
    spooled: Count | None = None
    spool_age_s: Annotated[float, Meta(ge=0)] | None = None
    spool_bytes: Bytes | None = None
    state: ShortText | None = None
    frames_per_second: Annotated[float, Meta(ge=0)] | None = None
    inference_p95_s: Annotated[float, Meta(ge=0)] | None = None
    coverage: Ratio | None = None
    clock_synchronised: bool | None = None
    clock_offset_s: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    disk_free_bytes: Bytes | None = None
    uptime_s: Annotated[float, Meta(ge=0)] | None = None
    paused: bool = False
    update: ModelUpdate | None = None
    bad_outputs: Count | None = None


class DesiredModel(Struct, frozen=True, kw_only=True):
    version: str
    digest: str


class HeartbeatReply(Struct, frozen=True, kw_only=True):
    """What the server wants. Unknown fields are ignored, so that old agents survive new servers."""

    server_time: Time
    site_profile: SiteProfile
    desired_model: DesiredModel | None = None
    paused: bool = False
    rotate_key: bool = False
