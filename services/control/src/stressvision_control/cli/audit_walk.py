"""The audit's chain, asked for page by page and made again on this machine."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from stressvision_control.cli.client import Api, Row
from stressvision_store.audit_chain import Head, Link, Walk

LINKS: Final = 5000
"""Asked for at a time."""


def walk_chain(api: Api, expected: dict[int, bytes]) -> int:
    """Return how many entries were made again; `expected` are hashes by place. Raises `BrokenChainError`."""
    row = api.get("/v1/audit/head")
    head = Head(
        place=row["place"],
        hash=bytes.fromhex(row["hash"]),
        dropped_place=row["dropped_place"],
        dropped_hash=bytes.fromhex(row["dropped_hash"]),
        loose=row["loose"],
    )
    walk = Walk(head, expected=expected)
    for links in _pages(api, after=head.dropped_place, until=head.place):
        walk.take(links)
    walk.finish()
    return head.place - head.dropped_place


def _pages(api: Api, *, after: int | None, until: int) -> Iterator[list[Link]]:
    while after is not None and after < until:
        page = api.get("/v1/audit/links", after=after, limit=LINKS)
        yield [_link(row) for row in page["items"]]
        after = page["next"]


def _link(row: Row) -> Link:
    at = datetime.fromisoformat(row["at"]) if row["at"] is not None else None
    return Link(**{**row, "hash": bytes.fromhex(row["hash"]), "at": at})
