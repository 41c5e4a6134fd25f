"""The way to the database: one engine a process, and the only commit."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, make_url
from sqlalchemy import create_engine as _create_engine
from sqlmodel import Session


def driver_url(url: str) -> URL:
    """`postgresql://…` as SQLAlchemy wants it for psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


def create_engine(
    url: str,
    *,
    pool_size: int = 5,
    name: str = "stressvision",
    options: str = "",
    patience_s: float | None = None,
) -> Engine:
    """Connections are tried before use, so that a restarted server costs no error; `name` shows in pg_stat_activity;
    `options` are for the server, such as `-c lock_timeout=10s`. `patience_s`: longest that a statement may take, and
    that anyone waits for a connection; None lets statements take any time, and connections 30 s.

    Keepalives notice a server that vanished without a word within about 30 s. No statement of ours is long enough for
    the just-in-time compiler to pay: it costs some 100 ms a statement. The values of a statement, names among them,
    are in no error's text.
    """
    if patience_s is not None:
        options += f" -c statement_timeout={round(patience_s * 1000)}"
    return _create_engine(
        driver_url(url),
        pool_timeout=patience_s or 30,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": name,
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "options": f"-c jit=off {options}".strip(),
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session that commits when the block ends and rolls back when it raises."""
    with Session(engine) as session, session.begin():
        yield session
