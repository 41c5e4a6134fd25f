"""What a device keeps of models, and a disk that is full, rotten or torn."""

import errno
import shutil
import threading
from dataclasses import replace

import pytest

from stressvision_agent.updates import slots
from stressvision_agent.updates.journal import read_journal
from stressvision_vision.classifier import OutputError
from support.models import FACTORY, SHIPPED, make_model
from support.updating import Failing, black, counted, device_of


def test_a_kept_model_that_rots_is_replaced_by_the_factorys_and_fetched_again(settings, served):
    _, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        device.wish(wish)
        device.turn().see()
    (settings.models_dir / wish.digest / "n-1.tflite").write_bytes(b"rotten")
    with device_of(settings) as device:
        assert device.used == [FACTORY["version"]]
        device.turn()
        assert device.used[-1] == "n-1"
        assert device.see().state == "confirmed"


def test_old_models_are_removed_and_the_good_ones_never(settings, served):
    _, repository = served
    wishes = [repository.add(make_model("good", n), f"n-{n}") for n in range(4)]
    with device_of(settings) as device:
        for wish in wishes:
            device.wish(wish)
            device.turn().see()
    kept = {path.name for path in settings.models_dir.iterdir() if len(path.name) == 64}
    assert kept == {wish.digest for wish in wishes[2:]}


def test_without_a_factory_model_the_good_one_still_works(settings, served, tmp_path):
    _, repository = served
    factory = shutil.copytree(SHIPPED, tmp_path / "factory")
    settings = replace(settings, vision=replace(settings.vision, model=factory))
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn().see()
    shutil.rmtree(factory)
    with device_of(settings) as device:
        assert device.used == ["n-1"]


def test_a_journal_that_cannot_be_read_costs_no_more_than_the_news(settings, served):
    _, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        device.wish(wish)
        device.turn().see()
    settings.update_file.write_bytes(b"{torn")
    before = counted("journal")
    with device_of(settings) as device:
        assert device.used == ["n-1"]
        assert device.turn().state == "confirmed"
    assert counted("journal") == before + 1


def test_a_disk_that_takes_no_writes_does_not_keep_a_bad_model_in_use(settings, served, monkeypatch):
    _, repository = served
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn()
        device.in_use._classifier = Failing(device.in_use.manifest, OutputError("nan"))
        with pytest.raises(OutputError):
            device.in_use.probabilities(black(device))
        with monkeypatch.context() as full:
            full.setattr(slots, "write_journal", no_space)
            device.turn(2)
            assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        device.turn()
    assert read_journal(settings.update_file).state == "reverted"


def test_what_an_earlier_run_left_over_is_removed_and_what_is_wanted_stays(settings, served):
    small, repository = served
    wish = repository.add(make_model("good"), "n-1")
    small.files.clear()
    with device_of(settings) as device:
        device.wish(wish)
        shelf = device.slots.shelf
        (shelf.folder / ("0" * 64)).mkdir(parents=True)
        shelf.part(wish.digest).write_bytes(b"begun")
        shelf.part("1" * 64).write_bytes(b"of no more use")
        stop = threading.Event()
        stop.set()
        device.updater.run(stop, device.adopt)
        assert {path.name for path in shelf.folder.iterdir()} == {"lock", f"{wish.digest}.part"}


def test_what_the_disk_takes_no_note_of_is_not_put_in_use(settings, served, monkeypatch):
    _, repository = served
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        with monkeypatch.context() as full:
            full.setattr(slots, "write_journal", no_space)
            device.turn(3)
            assert (device.state, device.used) == (None, [FACTORY["version"]])
        assert device.turn().see().state == "confirmed"


def test_a_good_model_that_has_rotted_meanwhile_is_not_gone_back_to(settings, served):
    _, repository = served
    first = repository.add(make_model("good", 1), "n-1")
    with device_of(settings) as device:
        device.wish(first)
        device.turn().see()
        device.wish(repository.add(make_model("good", 2), "n-2"))
        device.turn()
        (settings.models_dir / first.digest / "n-1.tflite").write_bytes(b"rotten")
        device.in_use._classifier = Failing(device.in_use.manifest, OutputError("nan"))
        with pytest.raises(OutputError):
            device.in_use.probabilities(black(device))
        device.turn()
        assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        device.wish(first)
        assert device.turn().see().state == "confirmed"
        assert device.in_use.manifest.version == "n-1"


def no_space(path, journal):
    raise OSError(errno.ENOSPC, "No space left on device")
