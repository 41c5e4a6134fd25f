"""A connection on which whole arrays travel in Postgres' binary form, made by us from records."""

from typing import Final

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Column(bytes):
    """A Postgres array in binary, ready to be sent."""


class Uuids(Column):
    pass


class Bigints(Column):
    pass


class Timestamps(Column):
    pass


class Integers(Column):
    pass


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer | None:
        return bytes(obj)


class _UuidsDumper(_ColumnDumper):
    oid = 2951


class _BigintsDumper(_ColumnDumper):
    oid = 1016


class _TimestampsDumper(_ColumnDumper):
    oid = 1185


class _IntegersDumper(_ColumnDumper):
    oid = 1007


COLUMNS: Final[dict[str, type[Column]]] = {
    "uuid": Uuids,
    "int8": Bigints,
    "timestamptz": Timestamps,
    "int4": Integers,
}
"""The array to send for each element type of `records.binary_columns`."""


async def connect(url: str, *, name: str, statement_timeout_s: float) -> Connection:
    """A connection in autocommit that knows binary columns. Raise `psycopg.OperationalError` when there is none.

    Keepalives and the TCP timeout notice a vanished server; the statement timeout bounds everything else.
    """
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        cursor_factory=psycopg.AsyncRawCursor,  # parameters as Postgres numbers them: nothing to parse
        application_name=name,
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=round(statement_timeout_s * 1000),
        options=f"-c statement_timeout={round(statement_timeout_s * 1000)} -c synchronous_commit=on -c jit=off",
    )
    for column, dumper in (
        (Uuids, _UuidsDumper),
        (Bigints, _BigintsDumper),
        (Timestamps, _TimestampsDumper),
        (Integers, _IntegersDumper),
    ):
        connection.adapters.register_dumper(column, dumper)
    return connection
