"""Targets signed on a machine that trusts no server, for a server that trusts no machine."""

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Targets

from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.repository import publishing, signing
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import read, write
from stressvision_store.session import transaction
from support.repository import Repository, TufClient, offered, published

pytestmark = pytest.mark.db


def signed_for(repository: Repository, version: str, signer: CryptoSigner, **changes: object) -> bytes:
    with transaction(repository.database.engine("control")) as session:
        target = publishing.target_of(session, version)
    return signing.sign_next(current_targets(repository), signer, add=target, **changes)  # type: ignore[arg-type]


def current_targets(repository: Repository) -> bytes:
    return repository.content("targets", repository.version("targets"))


def take(repository: Repository, content: bytes, keys: ServerKeys | None = None) -> list[str]:
    with transaction(repository.database.engine("control")) as session:
        there = keys or ServerKeys(repository.online, None)
        return publishing.publish_signed(session, read(content, Targets), there)


def test_targets_signed_where_the_key_lies_are_taken_once(repository: Repository, tuf: TufClient) -> None:
    repository.register("m-1", b"one")
    repository.approve("m-1")
    signed = signed_for(repository, "m-1", repository.targets)
    assert take(repository, signed) == ["m-1"]
    assert offered(tuf) == published(repository) == {"m-1"}
    with pytest.raises(ConflictError, match="other targets came first"):
        take(repository, signed)


def test_what_another_key_signed_is_not_taken(repository: Repository) -> None:
    repository.register("m-1", b"one")
    repository.approve("m-1")
    thief = CryptoSigner.generate_ed25519()
    with pytest.raises(InvalidError, match="not signed by the key"):
        signed_for(repository, "m-1", thief)
    forged = signed_for(repository, "m-1", thief, root=repository.content("root", 1))
    with pytest.raises(InvalidError, match="does not carry 1 good signature"):
        take(repository, forged)
    assert repository.version("targets") == 1


def test_an_operator_signs_nothing_that_a_server_slipped_in(repository: Repository) -> None:
    repository.register("m-1", b"one")
    repository.approve("m-1")
    targets = read(current_targets(repository), Targets)
    wanted = publishing.make_target("evil", digest="0" * 64, size_bytes=1, manifest={})
    targets.signed.targets[wanted.path] = wanted
    with pytest.raises(InvalidError, match="not signed by the key"):
        signing.sign_next(write(targets), repository.targets, add=wanted)


def test_a_server_takes_no_target_that_is_not_what_it_registered(repository: Repository) -> None:
    repository.register("m-1", b"one")
    with pytest.raises(ConflictError, match="is candidate"):
        signed_for(repository, "m-1", repository.targets)
    repository.approve("m-1")
    other = publishing.make_target("m-1", digest="0" * 64, size_bytes=3, manifest={})
    with pytest.raises(InvalidError, match="is not what is registered"):
        take(repository, signing.sign_next(current_targets(repository), repository.targets, add=other))
