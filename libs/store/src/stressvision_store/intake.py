"""Store a flush of events in one statement, each once, with the marks, the tallies and the dead letters it makes.

The statement is its own transaction (the connection is in autocommit): what it reports is committed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

from stressvision_store.binary import COLUMNS, Bigints, Connection, Integers
from stressvision_store.flushes import Flush, Letter
from stressvision_store.intake_statements import CONTENTS, LETTER, REFUSE, STORE_ALL_GOOD, STORE_SOME_REFUSED
from stressvision_store.records import (
    EPISODE,
    GAP,
    WINDOW,
    Layout,
    binary_columns,
    content_of,
    id_of,
    pack_array,
)


def _arrays(layout: Layout, records: Sequence[bytes]) -> list[object]:
    return [COLUMNS[type_](data) for type_, data in binary_columns(layout, records)]


def event_parameters(flush: Flush, models: Sequence[str]) -> list[object]:
    """The parameters of `INSERT_EVENTS`; `models[k - 1]` is the version that records call `k`."""
    parameters: list[object] = [list(models)]
    for layout, records in ((WINDOW, flush.windows), (EPISODE, flush.episodes), (GAP, flush.gaps)):
        parameters += _arrays(layout, records)
    return parameters


def _sent_arrays(sent: dict[int, tuple[int, int]]) -> list[object]:
    counts, highest = [count for count, _ in sent.values()], [seq for _, seq in sent.values()]
    return [
        Integers(pack_array("int4", sent)),
        Integers(pack_array("int4", counts)),
        Bigints(pack_array("int8", highest)),
    ]


def _letter_arrays(letters: Sequence[Letter]) -> list[object]:
    """Each refused event once, though its batch came twice at once; what lies there already is for the statement."""
    once = {(each.device_id, each.event_id or "", each.body, each.reason): each for each in letters}.values()
    return [[getattr(letter, name) for letter in once] for name in LETTER]


async def store(connection: Connection, flush: Flush, models: Sequence[str]) -> frozenset[bytes] | None:
    """Commit a sorted flush; return the ids that were really inserted, or None when all were.

    `models[k - 1]` is the version that records call `k`. Refused events that lie in the dead letters already count as
    duplicates. Raise `psycopg.Error` when nothing was stored, or when it is not known whether it was.
    """
    parameters = event_parameters(flush, models) + _sent_arrays(flush.sent)
    parameters.append(len(flush.windows) + len(flush.episodes) + len(flush.gaps))
    if flush.letters:
        parameters += _letter_arrays(flush.letters)
    statement = STORE_SOME_REFUSED if flush.letters else STORE_ALL_GOOD
    cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
    row = await cursor.fetchone()
    assert row is not None
    inserted = row[0]
    return None if inserted is None else frozenset(event_id.bytes for event_id in inserted)  # type: ignore[attr-defined]


async def contents(connection: Connection, ids: Iterable[bytes]) -> dict[bytes, tuple[int, int]]:
    """Of each id that is stored: its device and the digest of its content (see `records.content_of`)."""
    wanted = sorted({UUID(bytes=event_id) for event_id in ids})
    if not wanted:
        return {}
    # the bounds let Postgres leave out all days but those of these ids
    cursor = await connection.execute(CONTENTS, [wanted, wanted[0], wanted[-1]], prepare=True, binary=True)
    return {event_id.bytes: (device_id, content) async for event_id, device_id, content in cursor}  # type: ignore[attr-defined,misc]


async def refuse(connection: Connection, letters: Sequence[Letter]) -> None:
    """Dead letters for events that the statement had counted as duplicates; the tallies are put right with them."""
    await connection.execute(REFUSE, _letter_arrays(letters), binary=True)


Verdict = Literal["stored", "duplicate", "conflict"]


async def verdicts(
    connection: Connection, records: Sequence[bytes], inserted: frozenset[bytes]
) -> dict[bytes, list[Verdict]]:
    """What became of each record of a flush of which only `inserted` ids were new; one verdict for each time it occurs.

    Where one id comes twice, the content that is stored decides which of them it was.
    """
    times = Counter(map(id_of, records))
    known = await contents(connection, [event_id for event_id, n in times.items() if n > 1 or event_id not in inserted])
    unclaimed = set(inserted)
    found: dict[bytes, list[Verdict]] = defaultdict(list)
    for record in records:
        event_id, content = id_of(record), content_of(record)
        if known.get(event_id, content) != content:
            found[record].append("conflict")
        elif event_id in unclaimed:
            unclaimed.remove(event_id)
            found[record].append("stored")
        else:
            found[record].append("duplicate")
    return found
