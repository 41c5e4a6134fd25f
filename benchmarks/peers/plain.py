"""The endpoint that a FastAPI and SQLModel tutorial leads to: a model in, a session, a commit, a refresh.

It does less than the intake: no device, no replays, no marks, no tallies, no verdicts. Same table, same server.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from sqlmodel import Field, Session, SQLModel

from stressvision_store.session import create_engine
from stressvision_store.tables import RawEvent


class EventIn(SQLModel):
    """A window, as columns."""

    event_id: UUID
    device_id: int
    seq: int = Field(ge=0)
    kind: int = Field(ge=1, le=3)
    started_at: datetime
    ended_at: datetime
    clock_shift_ms: int = 0
    content: int
    model_version: str = Field(max_length=64)
    frames: int | None = Field(default=None, ge=0)
    faces: int | None = Field(default=None, ge=0)
    coverage_ppm: int | None = Field(default=None, ge=0, le=1_000_000)
    neutral_ms: int | None = None
    stress_ms: int | None = None
    sad_ms: int | None = None
    happy_ms: int | None = None
    fatigue_ms: int | None = None
    neutral_ppm: int | None = None
    stress_ppm: int | None = None
    sad_ppm: int | None = None
    happy_ppm: int | None = None
    fatigue_ppm: int | None = None


engine = create_engine(os.environ["PEER_DATABASE_URL"], pool_size=16, name="peer-plain")


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
app = FastAPI()


@app.get("/livez")
def livez() -> dict[str, str]:
    return {"status": "alive"}


@app.post("/events", status_code=201)
def create_event(event: EventIn, session: SessionDep) -> RawEvent:
    row = RawEvent.model_validate(event.model_dump())
    session.add(row)
    session.commit()
    session.refresh(row)
    return row


@app.post("/events/batch", status_code=201)
def create_events(events: list[EventIn], session: SessionDep) -> dict[str, int]:
    session.add_all([RawEvent.model_validate(event.model_dump()) for event in events])
    session.commit()
    return {"stored": len(events)}
