"""Which model is used, whatever happened before: random histories with crashes in them, and disks that refuse."""

import errno
import hashlib
import json
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressvision_agent.updates import slots as slots_module
from stressvision_agent.updates.journal import Journal, Offer, read_journal
from stressvision_agent.updates.shelf import Shelf
from stressvision_agent.updates.slots import Loading, Slots
from stressvision_contracts.fleet import ModelUpdate
from stressvision_vision.classifier import read_model
from support.models import FACTORY, SHIPPED, manifest_of

CONTENTS = [f"model {number}".encode() for number in range(4)]
DIGESTS = [hashlib.sha256(content).hexdigest() for content in CONTENTS]
OFFERS = [Offer(version=f"n-{number}", digest=digest) for number, digest in enumerate(DIGESTS)]

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["install", "confirm", "revert", "refuse", "go back", "crash", "stop", "tidy"]),
        st.integers(0, len(CONTENTS) - 1),
    ),
    max_size=25,
)


class Reading(Loading):
    """Looks at size and digest of a model, but runs none."""

    def load(self, path):
        return Loaded(read_model(path)[1])


class Loaded:
    def __init__(self, manifest):
        self.manifest = manifest


def open_slots(folder):
    return Slots(folder / "models", folder / "update.json", Reading(SHIPPED))


def put(slots, number):
    part = slots.shelf.part(DIGESTS[number])
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(CONTENTS[number])
    manifest = json.dumps(manifest_of(CONTENTS[number], f"n-{number}")).encode()
    slots.shelf.put(DIGESTS[number], f"n-{number}.tflite", manifest, part)


def act(slots, what, number, folder):
    """What the updating thread may do in this state, if it may."""
    unproven = slots.journal.state == "installed"
    offer = slots.journal.offer
    match what:
        case "install" if not slots.is_proven(DIGESTS[number]):
            put(slots, number)
            slots.note(OFFERS[number], "downloaded")
            slots.install(OFFERS[number])
        case "confirm" if unproven:
            slots.confirm(offer)
        case "revert" if unproven:
            slots.revert("for the test")
        case "refuse" if not slots.is_proven(DIGESTS[number]):
            slots.refuse(OFFERS[number], "for the test")
        case "go back" if slots.is_proven(DIGESTS[number]):
            slots.confirm(OFFERS[number])
        case "tidy":
            slots.tidy(None)
        case "stop":
            slots.stopped()
            return started(folder)
        case "crash":
            return started(folder)
    return slots


def started(folder):
    slots = open_slots(folder)
    before = slots.journal
    loaded = slots.start().manifest
    current = slots.shelf.named("current") or FACTORY["digest"]
    assert loaded.digest == current
    if before.state == "installed" and before.starts == 0:
        assert loaded.digest == before.offer.digest
    elif before.state in {"reverted", "rejected"}:
        assert loaded.digest == slots.good
    return slots


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS)
def test_there_is_always_a_whole_good_model_and_a_whole_one_in_use(acts):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slots = started(folder)
        for what, number in acts:
            slots = act(slots, what, number, folder)
            for link in ("current", "good"):
                digest = slots.shelf.named(link)
                assert digest is None or slots.shelf.kept(digest) is not None
            if slots.journal.state in {"reverted", "rejected", "confirmed"}:
                assert slots.shelf.named("current") == slots.shelf.named("good")
        assert read_journal(folder / "update.json") == slots.journal


def test_what_the_disk_refused_is_written_later(tmp_path, monkeypatch):
    slots = started(tmp_path)
    put(slots, 1)
    slots.install(OFFERS[1])

    def full(path, journal):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(slots_module, "write_journal", full)
        try:
            slots.revert("for the test")
        except OSError:
            pass
        else:
            raise AssertionError("the disk took it")
        assert slots.journal.state == "reverted"
    assert read_journal(tmp_path / "update.json").state == "installed"
    slots.settle()
    assert read_journal(tmp_path / "update.json").state == "reverted"
    assert slots.shelf.named("current") is None


def test_only_what_is_ours_and_of_no_more_use_is_removed(tmp_path):
    slots = started(tmp_path)
    for number in range(4):
        put(slots, number)
    shelf = Shelf(tmp_path / "models")
    shelf.point("good", DIGESTS[0])
    shelf.point("current", DIGESTS[1])
    for name in (f"{DIGESTS[3]}.part", f"{DIGESTS[2]}.part", "metadata", "offer.json"):
        (shelf.folder / name).touch()
    (shelf.folder / f"{DIGESTS[3]}.new").mkdir()
    shelf.prune({DIGESTS[2]})
    left = {path.name for path in shelf.folder.iterdir()}
    assert left == {*DIGESTS[:3], f"{DIGESTS[2]}.part", "metadata", "offer.json", "good", "current"}


def test_a_reason_is_what_a_heartbeat_may_say():
    report = Journal().step(OFFERS[0], "rejected", "\0" + "x" * 1000).report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=ModelUpdate).reason == "x" * 200
