"""What comes over the line: resumed where it was cut off, and refused when it is not what was signed."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stressvision_contracts.fleet import DesiredModel
from support.models import FACTORY, SmallRepository, make_model
from support.updating import changed, counted, device_of


def ranges(small):
    return [wanted for path, wanted in small.gets if "/targets/" in path]


def test_a_download_that_was_cut_off_goes_on(settings, served):
    small, repository = served
    wish = repository.add(make_model("good"), "n-1")
    small.cut_after = 700_000
    with device_of(settings) as device:
        device.wish(wish)
        device.turn()
        assert device.state is None
        assert device.slots.shelf.part(wish.digest).stat().st_size == 700_000
    with device_of(settings) as device:
        device.turn()
        assert device.state == "installed"
    assert ranges(small) == [None, "bytes=700000-"]


def test_a_server_away_is_waited_for(settings, served):
    small, repository = served
    wish = repository.add(make_model("good"), "n-1")
    files = dict(small.files)
    small.files.clear()
    before = counted("unavailable")
    with device_of(settings) as device:
        device.wish(wish)
        device.turn(4)
        assert (device.state, device.used) == (None, [FACTORY["version"]])
        assert counted("unavailable") == before + 4
        small.files.update(files)
        assert device.turn().state == "installed"


def test_a_part_that_belongs_to_nothing_is_begun_anew(settings, served):
    small, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        device.slots.shelf.folder.mkdir()
        device.slots.shelf.part(wish.digest).write_bytes(b"rubbish")
        device.wish(wish)
        device.turn()
        assert device.state is None
        assert device.turn().state == "installed"
    assert ranges(small) == ["bytes=7-", None]


def offer(repository, name="n-1"):
    wish = repository.add(make_model("good"), name)
    return wish, f"targets/{wish.digest}.{name}.tflite"


def tampered(small, repository):
    wish, path = offer(repository)
    small.files[path] = bytes([small.files[path][0] ^ 1]) + small.files[path][1:]
    return wish


def truncated(small, repository):
    wish, path = offer(repository)
    small.files[path] = small.files[path][:-100]
    return wish


def lengthened(small, repository):
    wish, path = offer(repository)
    small.files[path] += b"more"
    return wish


def swapped(small, repository):
    """The server wishes for one model under the name of another."""
    wish, _ = offer(repository)
    other, _ = offer(repository, "n-2")
    return (
        DesiredModel(version="n-2", digest="0" * 63 + "1")
        if other == wish
        else DesiredModel(version=other.version, digest="0" * 64)
    )


def expired(small, repository):
    repository.lifetime = timedelta(seconds=-1)
    return offer(repository)[0]


def forged(small, repository):
    """Signed well, but by other keys than those that root names."""
    stranger = SmallRepository(files=dict(small.files))
    wish, _ = offer(stranger)
    small.files.update({name: data for name, data in stranger.files.items() if "root" not in name})
    return wish


def unlisted(small, repository):
    return DesiredModel(version="never-heard-of", digest="0" * 64)


def misdescribed(small, repository):
    """Signed with the manifest of another file."""
    return repository.add(make_model("good"), "n-1", digest="0" * 64)


def mixed(small, repository):
    """A timestamp of now with a snapshot of then under its name."""
    then = dict(small.files)
    wish, _ = offer(repository)
    small.files[f"metadata/{repository.version}.snapshot.json"] = then["metadata/1.snapshot.json"]
    return wish


@pytest.mark.parametrize(
    ("spoil", "why", "said"),
    [
        (tampered, "altered", "not the one that was signed"),
        (truncated, "altered", "it ends after"),
        (lengthened, "altered", "more than"),
        (swapped, "altered", "the signed file of n-2"),
        (expired, "expired", "out of date"),
        (forged, "forged", "not signed by the keys this device trusts"),
        (unlisted, "unknown", "the signed list has no model never-heard-of"),
        (misdescribed, "manifest", "the manifest of model n-1 is that of another file"),
        (mixed, "mixed", "do not belong together"),
    ],
)
def test_what_was_not_signed_so_is_refused_and_counted(settings, served, spoil, why, said):
    small, repository = served
    with device_of(settings) as device:
        # what it trusts it has seen before
        device.updater._obtaining.repository().trust()
        device.wish(spoil(small, repository))
        before = counted(why)
        device.turn(2)
        assert device.state is None
        device.turn()
        assert (device.state, device.used) == ("rejected", [FACTORY["version"]])
        assert said in device.reason
        assert counted(why) == before + 3


def test_a_repository_that_was_mended_gives_the_model_after_all(settings, served):
    small, repository = served
    wish = expired(small, repository)
    with device_of(settings) as device:
        device.wish(wish)
        device.turn(5)
        assert device.state == "rejected"
        repository.lifetime = timedelta(days=1)
        repository.publish()
        assert device.turn().state == "installed"


def test_a_repository_of_the_past_is_refused(settings, served):
    small, repository = served
    wish = repository.add(make_model("good", 1), "n-1")
    then = dict(small.files)
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good", 2), "n-2"))
        device.turn().see()
        small.files.clear()
        small.files.update(then)
        before = counted("older")
        device.wish(wish)
        device.turn(3)
        assert device.state == "rejected"
        assert "older than what this device has seen" in device.reason
        assert counted("older") == before + 3
        assert device.in_use.manifest.version == "n-2"


def test_signatures_are_judged_by_the_servers_time_and_not_by_a_wrong_clock(settings, served):
    _, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        obtaining = device.updater._obtaining
        obtaining.repository().trust()
        later = datetime.now(UTC) + timedelta(days=3)
        assert obtaining.repository().find("n-1", datetime(1970, 1, 2, tzinfo=UTC)).digest == wish.digest
        with pytest.raises(Exception, match="out of date"):
            obtaining.repository().find("n-1", later)


def test_whose_models_to_trust_is_learnt_before_there_is_one(settings, served):
    _, repository = served
    with device_of(settings) as device:
        device.wish(None)
        device.turn()
    assert settings.trusted_root_file.read_bytes() == repository.root


def test_a_server_without_a_repository_is_no_fault(settings, served):
    small, _ = served
    small.files.clear()
    with device_of(settings) as device:
        device.wish(None)
        device.turn(3)
        assert device.updater.report() is None
    assert len(small.gets) == 1


def test_the_first_root_is_kept_and_another_is_not_taken(settings, served):
    small, repository = served
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn()
    kept = settings.trusted_root_file.read_bytes()
    assert kept == repository.root
    stranger = SmallRepository(files=small.files)
    with device_of(settings) as device:
        device.wish(stranger.add(make_model("good", 5), "n-5"))
        device.turn(3)
        assert device.state == "rejected"
    assert settings.trusted_root_file.read_bytes() == kept


def test_a_damaged_root_is_not_replaced_unasked(settings, served):
    _, repository = served
    settings.trusted_root_file.parent.mkdir(parents=True, exist_ok=True)
    settings.trusted_root_file.write_bytes(b"{")
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn(3)
        assert device.state == "rejected"
        assert "trusted_root.json is damaged: deploy it again" in device.reason
    assert settings.trusted_root_file.read_bytes() == b"{"


def test_without_room_it_is_asked_for_later(settings, served, monkeypatch):
    _, repository = served
    before = counted("disk_full")
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", no_space_for_the_model)
            device.turn()
        assert (device.state, counted("disk_full")) == (None, before + 1)
        assert not list(settings.models_dir.glob("*.part"))
        assert device.turn().state == "installed"


def test_a_model_that_would_crowd_out_the_spool_is_not_fetched(settings, served):
    small, repository = served
    crowded = changed(settings)
    object.__setattr__(crowded.spool, "min_free_bytes", 1 << 60)
    before = counted("disk_full")
    with device_of(crowded) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn()
    assert counted("disk_full") == before + 1
    assert ranges(small) == []


def no_space_for_the_model(descriptor):
    if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".part":
        raise OSError(errno.ENOSPC, "No space left on device")
