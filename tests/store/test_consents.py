"""The ledger of consents."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from stressvision_store import consents
from stressvision_store.refusals import ConflictError, InvalidError
from support.workforce import NOW, Workforce, ago

pytestmark = pytest.mark.db


def give(session: Session, workforce: Workforce, days_ago: float, version: str = "v1") -> int:
    row = consents.give_consent(
        session, employee_id=workforce.employees[0], notice_version=version, given_at=ago(days=days_ago)
    )
    return row.id or 0


def test_a_consent_stands_until_it_is_withdrawn_and_can_be_given_again(session: Session, workforce: Workforce) -> None:
    first = give(session, workforce, 10)
    with pytest.raises(ConflictError, match="withdraw that first"):
        give(session, workforce, 5)
    give(session, workforce, 5, "v2")
    consents.withdraw_consent(session, first, withdrawn_at=ago(days=3))
    with pytest.raises(ConflictError, match="a new consent is later"):
        give(session, workforce, 4)
    again = give(session, workforce, 2)
    listed = consents.list_consents(session, employee_id=workforce.employees[0], after=None, limit=10)
    assert [row.id for row in listed][0::2] == [first, again]


def test_withdrawing_twice_or_before_it_was_given_is_refused(session: Session, workforce: Workforce) -> None:
    row = give(session, workforce, 10)
    with pytest.raises(InvalidError, match="after that"):
        consents.withdraw_consent(session, row, withdrawn_at=ago(days=11))
    consents.withdraw_consent(session, row, withdrawn_at=ago(days=9))
    with pytest.raises(ConflictError, match="was withdrawn on"):
        consents.withdraw_consent(session, row, withdrawn_at=ago(days=8))


def test_the_future_is_refused(session: Session, workforce: Workforce) -> None:
    with pytest.raises(InvalidError, match="in the future"):
        give(session, workforce, -1)
    row = give(session, workforce, 1)
    with pytest.raises(InvalidError, match="in the future"):
        consents.withdraw_consent(session, row, withdrawn_at=NOW + timedelta(days=1))


def test_a_withdrawal_of_everything_ends_consents_to_every_notice(session: Session, workforce: Workforce) -> None:
    give(session, workforce, 10)
    give(session, workforce, 5, "v2")
    rows = consents.withdraw_all(session, workforce.employees[0], withdrawn_at=ago(days=7), by="Ana")
    assert [(row.notice_version, row.withdrawn_at) for row in rows] == [("v1", ago(days=7)), ("v2", ago(days=5))]
    with pytest.raises(ConflictError, match="no active consent"):
        consents.withdraw_all(session, workforce.employees[0], withdrawn_at=NOW)
