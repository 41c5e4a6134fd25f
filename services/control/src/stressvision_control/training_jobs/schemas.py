"""What travels about training jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from stressvision_control.fields import Body, Name, View

State = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
Change = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]+=[^\x00-\x1f]*$", max_length=200)]
Stage = Literal["fetch", "prepare", "teach", "fit", "export", "evaluate", "benchmark", "report", "publish"]
Fence = Annotated[int, Field(ge=1, le=2**62)]
Line = Annotated[str, StringConstraints(max_length=4000)]
MOST_EPOCHS = 100_000


def _without_nul(text: str) -> str:
    """What a program said as it died is kept, whatever it was."""
    return text.replace("\x00", "")


def _counted(record: dict[str, Any]) -> dict[str, Any]:
    for name in ("epoch", "epochs"):
        if type(record.get(name)) is not int or not 0 <= record[name] <= MOST_EPOCHS:
            raise ValueError(f"{name!r} of an epoch is a whole number up to {MOST_EPOCHS}")
    return record


Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_without_nul)
]
Record = Annotated[dict[str, Any], Field(max_length=60), AfterValidator(_counted)]


class NewJob(Body):
    """`recipe_text`: the recipe itself, TOML. `changes`: `key=value` for it. `version`: what its model will be."""

    recipe: Name
    recipe_text: Annotated[str, StringConstraints(min_length=1, max_length=65536)]
    changes: Annotated[list[Change], Field(max_length=50, default_factory=list)]
    version: Version | None = None


class JobView(View):
    id: int
    recipe: str
    version: str
    trigger: str
    reason: str | None
    state: State
    stage: str | None
    epoch: int | None
    epochs: int | None
    eta_s: float | None
    attempts: int
    requested_by: str
    claimed_by: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    candidate_version: str | None
    error: str | None
    metrics: dict[str, Any] | None


class JobDetail(JobView):
    recipe_text: str
    changes: list[str]
    dataset_digest: str | None
    lease_until: datetime | None
    curve: Annotated[list[dict[str, Any]], Field(default_factory=list)]


class LogLine(View):
    id: int
    at: datetime
    line: str


class TrainerView(View):
    name: str
    seen_at: datetime


class NewClaim(Body):
    trainer: Name


class Claim(View):
    """What a trainer needs to work: every later call carries the `fence`. `pictures`: how many there are to fetch."""

    id: int
    fence: int
    lease_s: float
    recipe: str
    recipe_text: str
    changes: list[str]
    version: str
    dataset_digest: str
    pictures: int
    attempts: int


class Progress(Body):
    """All but the fence may be left out: then it only renews the lease. `epoch`: the record of one that has ended."""

    fence: Fence
    stage: Stage | None = None
    epoch: Record | None = None
    eta_s: Annotated[float, Field(ge=0, le=1e9)] | None = None
    lines: Annotated[list[Line], Field(max_length=500, default_factory=list)]


class Heard(View):
    """`state` cancelling: stop, and say so with `finish`. The lease runs for `lease_s` from now."""

    state: State
    lease_s: float


class Lines(Body):
    fence: Fence
    lines: Annotated[list[Line], Field(min_length=1, max_length=500)]


class Finish(Body):
    """How a job ends that has no model: `given_back` puts it into the queue again."""

    fence: Fence
    outcome: Literal["failed", "cancelled", "given_back"]
    reason: Reason | None = None


class ListedPicture(View):
    digest: str
    label: str
    subject: str
