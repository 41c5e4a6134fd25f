"""Pictures: who may be learnt from now, what a job lists, and what an erasure leaves."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import pictures, training_jobs, training_pictures
from stressvision_store.pictures import DatasetChangedError
from stressvision_store.refusals import ConflictError
from stressvision_store.session import transaction
from stressvision_store.training_tables import TrainingJob
from support.database import Database
from support.training import digest_of, drawn

pytestmark = pytest.mark.db


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """With two sites; E-YES of the first consents."""
    with transaction(database.engine("owner")) as session:
        for statement in (
            "INSERT INTO sites (id, name, time_zone) VALUES (1, 'Callao', 'UTC'), (2, 'Lima', 'UTC')",
            "INSERT INTO employees (id, site_id, pseudonym) VALUES (1, 1, 'E-YES'), (2, 1, 'E-NO')",
            "INSERT INTO consents (employee_id, notice_version, given_at) VALUES (1, 'v1', now() - interval '1 day')",
        ):
            session.execute(text(statement))
    with Session(database.engine("control")) as session:
        yield session


def add(session: Session, seed: int, *, who: str | None = None, label: str = "fatigue", site: int = 1) -> str:
    content = drawn(label, seed)
    row, is_new = pictures.add_picture(
        session, digest=digest_of(content), content=content, label=label, site_id=site, pseudonym=who,
        is_crop=True, added_by="Rosa",
    )  # fmt: skip
    assert is_new
    session.commit()
    return row.digest


def usable(session: Session) -> dict[str, int]:
    return {row.label: row.usable for row in pictures.summarise(session)}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("UPDATE consents SET withdrawn_at = now() + interval '1 hour'", 2),
        ("UPDATE consents SET withdrawn_at = now()", 1),
        ("UPDATE consents SET given_at = now() + interval '1 hour'", 1),
        ("DELETE FROM consents", 1),
    ],
)
def test_a_person_is_learnt_from_while_the_consent_holds(session: Session, change: str, left: int) -> None:
    add(session, 1, who="E-YES")
    add(session, 2)
    session.execute(text(change))
    session.commit()
    assert usable(session) == {"fatigue": left}


def test_a_person_of_another_site_is_refused(session: Session) -> None:
    with pytest.raises(ConflictError, match="'E-YES' is of site 1, not 2"):
        add(session, 1, who="E-YES", site=2)


def claimed(session: Session) -> TrainingJob:
    training_jobs.add_job(session, recipe="r", recipe_text="", requested_by="Rosa")
    job = training_jobs.claim_job(session, "a")
    assert job is not None
    training_pictures.list_for(session, job)
    session.commit()
    return job


def test_a_jobs_list_says_who_is_one_person_and_never_who(session: Session) -> None:
    add(session, 1, who="E-YES")
    add(session, 2, who="E-YES")
    add(session, 3)
    job = claimed(session)
    assert sorted(row.subject for row in training_pictures.listed_for(session, job.id or 0)) == [
        "", "person-1", "person-1",
    ]  # fmt: skip


def test_a_picture_under_another_label_is_not_the_one_that_was_learnt_from(session: Session) -> None:
    digest = add(session, 1)
    job = claimed(session)
    training_pictures.refuse_changed(session, job)
    pictures.remove_picture(session, digest)
    with pytest.raises(DatasetChangedError, match="1 of the pictures"):
        training_pictures.refuse_changed(session, job)
    content = drawn("fatigue", 1)
    pictures.add_picture(
        session, digest=digest, content=content, label="sad", site_id=1, pseudonym=None, is_crop=True,
        added_by="Rosa",
    )  # fmt: skip
    with pytest.raises(DatasetChangedError):
        training_pictures.refuse_changed(session, job)


def test_pictures_go_with_their_person(session: Session, database: Database) -> None:
    add(session, 1, who="E-YES")
    add(session, 2)
    job = claimed(session)
    with transaction(database.engine("owner")) as owner:
        owner.execute(text("DELETE FROM consents"))
        owner.execute(text("DELETE FROM employees WHERE id = 1"))
    assert usable(session) == {"fatigue": 1}
    assert training_pictures.lost_pictures(session, job) == 1


def test_an_archive_holds_one_picture_at_least_and_only_what_may_be_read(session: Session) -> None:
    digests = sorted([add(session, 1, who="E-YES"), add(session, 2), add(session, 3)])
    job = claimed(session)

    def read(after: str | None = None) -> list[str]:
        rows = training_pictures.readable(session, job.id or 0, after=after, most_bytes=1, most=10)
        return [row.digest for row in rows]

    assert read() == digests[:1]
    assert read(digests[0]) == digests[1:2]
    session.execute(text("UPDATE consents SET withdrawn_at = now()"))
    everything = training_pictures.readable(session, job.id or 0, after=None, most_bytes=10**9, most=10)
    assert len(everything) == 2
