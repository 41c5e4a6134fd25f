"""Long lists in pages: the caller names the last row it has seen and gets what follows."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy.orm import Mapped
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from stressvision_store.refusals import NotFoundError

Row = TypeVar("Row")


def take(
    session: Session,
    statement: SelectOfScalar[Row],
    *,
    key: Mapped[Any],
    after: int | str | None,
    limit: int,
    newest_first: bool = False,
) -> Sequence[Row]:
    """At most `limit` rows of `statement` that follow `after` in the order of the unique column `key`."""
    if after is not None:
        statement = statement.where(key < after if newest_first else key > after)
    return session.exec(statement.order_by(key.desc() if newest_first else key).limit(limit)).all()


def one(session: Session, table: type[Row], key: Any, noun: str, *, lock: bool = False) -> Row:
    """The row of that primary key, or `NotFoundError`.

    `lock` keeps others from changing it, or from adding rows that must be checked against its other rows, until
    the transaction ends. It is FOR NO KEY UPDATE, so that plain inserts that refer to the row go on. A locked row is
    as it stands now, also where the session read it before somebody else changed it.
    """
    row = session.get(table, key, with_for_update={"key_share": True} if lock else None, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"there is no {noun} {key.hex() if isinstance(key, bytes) else key}")
    return row
