"""A hostile viewer adds up and subtracts all that was ever published, and learns of no fewer than five people."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from stressvision_store import publication, publication_statements, suppression
from stressvision_store.session import transaction
from support.attacker import ALL_DAY, AREAS, CROWD, DAYS, FIRST_DAY, SHIFTS, Attacker, Step, crowd
from support.database import Cluster, Database, create_database, drop_database
from support.publication import AT_ONCE

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def plant(request: pytest.FixtureRequest) -> Database:
    """One database for all stories."""
    cluster: Cluster = request.getfixturevalue("cluster")
    made = create_database(cluster, "attacked", "stressvision_template")
    request.addfinalizer(lambda: drop_database(cluster, made))
    return made


def succeeds(attacker: Attacker) -> bool:
    """Whether anything can be worked out about fewer than five people.

    From figures alone, or with the totals of the lines of one kind (of those that are of five people or more); or with
    the totals of all lines, where the figures add anything to what these totals give away by themselves.
    """
    large = [
        {line for line in lines if len({attacker.owners[atom] for atom in line}) >= 5}
        for lines in (attacker.by_shift, attacker.by_area)
    ]
    totals = attacker.by_shift | attacker.by_area
    return bool(
        attacker.isolated(attacker.figures)
        or attacker.isolated(attacker.figures, large[0])
        or attacker.isolated(attacker.figures, large[1])
        or attacker.isolated(attacker.figures, totals) != attacker.isolated(totals)
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Two days of much the same posts, most people in one group, that are published; then late events, edits, erasures
    and publications in any order.
    """
    number = draw(st.integers(6, CROWD))
    person, day = st.integers(1, number), st.integers(0, DAYS - 1)
    area, shift = st.sampled_from([1, 1, 1, 1, *range(2, AREAS + 1)]), st.sampled_from([1, 1, 1, *range(2, SHIFTS + 1)])
    usual = draw(st.sampled_from([ALL_DAY, (0, 1)]))
    hours = st.sampled_from([usual, usual, usual, usual, ALL_DAY, (2,)])
    seen = st.sampled_from([True] * 9 + [False])
    post = st.builds(Step, st.just("seen"), area=area, shift=shift, hours=hours, observed=seen)
    posts = {who: draw(post) for who in range(1, number + 1)}
    changed = posts | draw(st.dictionaries(person, post, max_size=3))
    steps = [
        replace(each, day=today, person=who)
        for today, of_day in enumerate((posts, changed))
        for who, each in of_day.items()
    ]
    publish = st.builds(Step, st.just("publish"), day=day)
    later = st.one_of(
        publish,
        st.builds(Step, st.just("seen"), day=day, person=person, area=area, shift=shift, hours=hours),
        st.builds(Step, st.just("moved"), day=day, person=person, area=area),
        st.builds(Step, st.just("given"), day=day, person=person, other=person),
        st.builds(Step, st.just("redated"), person=person),
        st.builds(Step, st.just("erased"), person=person),
        st.builds(Step, st.just("profile"), profile=st.sampled_from(["off", "fatigue_only", "safety", "full"])),
    )
    again = [Step("profile", profile="full"), Step("publish", day=0), Step("publish", day=1)]
    return steps + draw(st.lists(publish, max_size=2)) + draw(st.lists(later, max_size=5)) + again


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories())
def test_nobody_works_out_fewer_than_five(plant: Database, story: list[Step]) -> None:
    attacker = Attacker(plant)

    attacker.take(story)

    assert not succeeds(attacker)


def weaken(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """The same change in every statement that reads atoms."""
    for name in ("PEOPLE", "PUBLISH_CELLS", "PUBLISH_HOURS", "TAKE_SPANS"):
        statement = getattr(publication_statements, name)
        monkeypatch.setattr(publication_statements, name, statement.replace(old, new))


LATE = [
    *crowd(range(1, 7)), Step("publish"), Step("seen", person=3, hours=(1,)), Step("publish"),
]  # fmt: skip
ERASED = [*crowd(range(1, 7)), Step("publish"), Step("erased", person=2), Step("publish")]
GIVEN = [*crowd(range(1, 7)), *crowd(range(7, 13), area=2), Step("publish"),
         Step("moved", person=3, area=2), Step("publish")]  # fmt: skip
SMALL_AREA = [*crowd(range(1, 5)), *crowd(range(5, 11), area=2), Step("publish")]
SHRINKING = [
    *crowd(range(1, 6)), *crowd(range(6, 12), area=2), *crowd(range(1, 5), day=1), *crowd(range(6, 12), day=1, area=2),
    Step("publish", day=0), Step("publish", day=1),
]  # fmt: skip
CORNER = [
    *crowd(range(1, 4)),
    *crowd(range(1, 9), area=2),
    *crowd(range(4, 12), shift=2),
    *crowd(range(1, 12), area=2, shift=2),
    Step("publish"),
]
HOUR = [*crowd(range(1, 7), hours=(0,)), *crowd(range(1, 3), hours=(1,)), Step("publish")]
REDATED = [
    *crowd(range(1, 7), day=1), Step("publish", day=1),
    *(Step("redated", person=person) for person in range(1, 6)), Step("publish", day=0),
]  # fmt: skip
UNSEEN = [*crowd(range(1, 5)), Step("seen", person=5, observed=False), Step("publish")]

Mutation = Callable[[pytest.MonkeyPatch], object]
MUTANTS: dict[str, tuple[list[Step], Mutation]] = {
    "republished when late events come": (LATE, lambda _: None),
    "republished when a person is erased": (ERASED, lambda _: None),
    "republished when the roster changes": (GIVEN, lambda _: None),
    "no neighbour withheld": (
        SMALL_AREA,
        lambda patch: [
            patch.setattr(suppression, name, lambda *_: False) for name in ("_hide_in_lines", "_hide_between_lines")
        ],
    ),
    "no neighbour withheld when a group shrinks": (
        SHRINKING,
        lambda patch: [
            patch.setattr(suppression, name, lambda *_: False) for name in ("_hide_in_lines", "_hide_between_lines")
        ],
    ),
    "lines looked at one by one": (
        CORNER,
        lambda patch: patch.setattr(suppression, "_hide_between_lines", lambda *_: False),
    ),
    "hours published without regard to the rest": (
        HOUR,
        lambda patch: patch.setattr(
            publication, "publishable_hours", lambda people, k: {h for h, who in people.items() if len(who) >= k}
        ),
    ),
    "the same observation on two days": (REDATED, lambda patch: weaken(patch, "s.times @> w.bucket_at", "false")),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_attacker_would_see_it(plant: Database, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    story, mutate = MUTANTS[name]
    honest = Attacker(plant)
    honest.take(story)
    assert not succeeds(honest)
    mutate(monkeypatch)

    attacker = Attacker(plant, forgets=name.startswith("republished"))
    attacker.take(story)

    assert succeeds(attacker)


@pytest.mark.parametrize(
    "fault",
    [
        lambda patch: patch.setattr(
            publication_statements, "PEOPLE", publication_statements.PEOPLE.replace("WHERE observed_ms > 0", "")
        ),
        lambda patch: patch.setattr(publication, "publishable_cells", lambda people, _: set(people)),
    ],
    ids=["whoever was not observed counts", "four are enough"],
)
def test_the_database_refuses_a_group_of_four(
    plant: Database, monkeypatch: pytest.MonkeyPatch, fault: Mutation
) -> None:
    attacker = Attacker(plant)
    attacker.take(UNSEEN)
    assert attacker.figures == set()
    fault(monkeypatch)

    with pytest.raises(IntegrityError):
        Attacker(plant).take(UNSEEN)


def test_no_setting_makes_groups_smaller_than_five(plant: Database) -> None:
    with transaction(plant.engine("worker")) as session, pytest.raises(ValueError, match="too small"):
        publication.publish_day(session, (1, FIRST_DAY), k=4, quiet=AT_ONCE)
