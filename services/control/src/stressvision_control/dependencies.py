"""What endpoints are given: one transaction a request, and the page that was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from sqlmodel import Session

from stressvision_control.fields import MAX_ID
from stressvision_store.changes import changed_attribution
from stressvision_store.session import transaction

CONCURRENT_REQUESTS = 20
"""As many as the pool has connections: were there more, those that wait for a connection could take every thread
from those that hold one."""

Item = TypeVar("Item")


async def read_octets(request: Request) -> bytes:
    return await request.body()


Octets = Annotated[bytes, Depends(read_octets)]
"""The body as it is. It is read when it is known who is asking, and not before, as a body of JSON is."""


def open_session(request: Request) -> Iterator[Session]:
    """Committed before the answer goes out, so that nobody is told of what was rolled back."""
    with transaction(request.app.state.engine) as session:
        yield session
    if changed_attribution(session):
        request.app.state.wake_worker()


SessionDep = Annotated[Session, Depends(open_session, scope="function", max_concurrency=CONCURRENT_REQUESTS)]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`after`: the `next` of the page before."""

    limit: Annotated[int, Query(ge=1, le=500, description="How many at most")] = 100
    after: Annotated[int | None, Query(ge=0, le=MAX_ID, description="The `next` of the page before")] = None


@dataclass(frozen=True, slots=True)
class WordPageRequest:
    """A page of what is known by a word and not by a number."""

    limit: Annotated[int, Query(ge=1, le=500, description="How many at most")] = 100
    after: Annotated[
        str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9._+-]+$", description="The `next` of the page before")
    ] = None


PageDep = Annotated[PageRequest, Depends()]
WordPageDep = Annotated[WordPageRequest, Depends()]


class Page(BaseModel, Generic[Item]):
    """`next` is what to give as `after` for the following page; null on the last."""

    items: list[Item]
    next: int | str | None


def paged(items: list[Item], limit: int, key: str = "id") -> Page[Item]:
    """A page that is full may have another behind it."""
    return Page(items=items, next=getattr(items[-1], key) if len(items) == limit else None)
