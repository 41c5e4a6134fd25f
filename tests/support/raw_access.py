"""What a role of the database can really do: by trying it, each time in a transaction that is taken back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import psycopg
from psycopg import errors, sql

from support.database import Database

NOTHING = "–"
_RELATIONS = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('public', 'hr', 'safety', 'ops') AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
GROUP BY 1, 2 ORDER BY n.nspname <> 'public', 1, 2
"""
_FUNCTIONS = """
SELECT p.proname, coalesce((
    SELECT string_agg(format('NULL::%I.%I', t.typnamespace::regnamespace::text, t.typname), ', ' ORDER BY args.place)
    FROM unnest(p.proargtypes) WITH ORDINALITY AS args(type, place) JOIN pg_type t ON t.oid = args.type), '')
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype ORDER BY 1
"""


@dataclass(frozen=True)
class Relation:
    """A table or view; in `public`, its name alone."""

    schema: str
    table: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.table if self.schema == "public" else f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Function:
    name: str
    arguments: str


def relations(database: Database) -> list[Relation]:
    with psycopg.connect(database.url("owner")) as connection:
        rows = connection.execute(_RELATIONS).fetchall()
    return [Relation(schema, table, tuple(columns)) for schema, table, columns in rows]


def functions(database: Database) -> list[Function]:
    with psycopg.connect(database.url("owner")) as connection:
        return [Function(name, arguments) for name, arguments in connection.execute(_FUNCTIONS).fetchall()]


class Intruder:
    """A session of one role, with its own limits lifted. Letters: r reads, a adds, w changes, d deletes, t empties,
    x runs; in brackets, of some columns only.
    """

    def __init__(self, database: Database, role: str) -> None:
        self._connection = psycopg.connect(database.url(role), autocommit=True)
        self._connection.execute("SET default_transaction_read_only = off")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def may(self, relation: Relation) -> str:
        name = sql.Identifier(relation.schema, relation.table)
        columns = [sql.Identifier(column) for column in relation.columns]

        def all_or_some(
            letter: str, whole: sql.Composable, parts: Iterable[sql.Composable], *, undo: bool = False
        ) -> str:
            if self.can(whole, undo=undo):
                return letter
            return f"({letter})" if any(self.can(part, undo=undo) for part in parts) else ""

        def update(of: list[sql.Identifier]) -> sql.Composed:
            values = sql.SQL(", ").join(sql.SQL("{} = DEFAULT").format(column) for column in of)
            return sql.SQL("UPDATE {} SET {} WHERE false").format(name, values)

        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            name, sql.SQL(", ").join(columns), sql.SQL(", ").join([sql.SQL("DEFAULT")] * len(columns))
        )
        # with no columns named, one that may be written suffices
        parts = (
            sql.SQL(statement).format(name) for statement in ("SELECT FROM {} LIMIT 0", "INSERT INTO {} DEFAULT VALUES")
        )
        return (
            all_or_some("r", sql.SQL("SELECT * FROM {} LIMIT 0").format(name), [next(parts)])
            + all_or_some("a", insert, [next(parts)], undo=True)
            + all_or_some("w", update(columns), (update([column]) for column in columns))
            + all_or_some("d", sql.SQL("DELETE FROM {} WHERE false").format(name), [])
            + all_or_some("t", sql.SQL("TRUNCATE {}").format(name), [], undo=True)
        ) or NOTHING

    def may_call(self, function: Function) -> str:
        statement = f"SELECT public.{function.name}({function.arguments})"
        return "x" if self.can(sql.SQL(statement), undo=True) else NOTHING  # type: ignore[arg-type]

    def can(self, statement: sql.Composable, *, undo: bool = False) -> bool:
        """Whether it is let through, `undo` what would change something. What fails for another reason was let through,
        save on a view that nobody can write to.
        """
        try:
            if undo:
                with self._connection.transaction(force_rollback=True):
                    self._connection.execute(statement)
            else:
                self._connection.execute(statement)
        except errors.InsufficientPrivilege as error:
            # a column's default may ask a sequence for a number; that it may not is another matter
            return "sequence" in str(error)
        except (errors.ObjectNotInPrerequisiteState, errors.WrongObjectType):
            return False
        except errors.FeatureNotSupported as error:
            return "of view" not in str(error)
        except psycopg.Error:
            return True
        return True


def ask(database: Database, role: str, statement: str) -> list[tuple[object, ...]]:
    """Whatever a session can lift is lifted first."""
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []
