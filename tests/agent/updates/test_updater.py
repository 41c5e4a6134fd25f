"""A device's way with a model, over real HTTP: obtained, tried, in use, proven; refused or taken back when bad."""

import errno
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from stressvision_agent.updates import slots
from stressvision_agent.updates.journal import read_journal
from stressvision_agent.updates.updater import HungError
from stressvision_contracts.fleet import DesiredModel
from stressvision_contracts.labels import FER7
from stressvision_vision.classifier import OutputError
from support.models import FACTORY, SHIPPED, make_model
from support.servers import wait_until
from support.updating import FACES, black, changed, counted, device_of, repository_server, settings_of

FACTORY_WISH = DesiredModel(version=FACTORY["version"], digest=FACTORY["digest"])


@pytest.fixture
def served():
    with repository_server() as (small, repository):
        yield small, repository


@pytest.fixture
def settings(tmp_path, served):
    return settings_of(tmp_path / "state", served[0].url)


def test_a_new_model_is_obtained_tried_used_and_proven(settings, served):
    _, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        assert device.used == [FACTORY["version"]]
        device.wish(wish)
        device.turn()
        assert (device.state, device.used[-1]) == ("installed", "n-1")
        assert device.updater.is_under_way()
        device.see(FACES - 1)
        assert device.state == "installed"
        device.see(1)
        assert device.state == "confirmed"
        assert not device.updater.is_under_way()
        assert device.slots.shelf.named("good") == device.slots.shelf.named("current") == wish.digest
    kept = settings.models_dir / wish.digest
    assert (settings.models_dir / "good").resolve() == kept
    assert sorted(path.name for path in kept.iterdir()) == ["manifest.json", "n-1.tflite"]


def test_after_a_start_the_proven_model_is_used(settings, served):
    _, repository = served
    wish = repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        device.wish(wish)
        device.turn().see()
    with device_of(settings) as device:
        assert device.used == ["n-1"]
        assert device.turn().state == "confirmed"


def test_no_wish_is_no_work(settings, served):
    small, _ = served
    with device_of(settings) as device:
        device.turn(3)
        assert device.updater.report() is None
    assert small.gets == []


def test_the_model_it_came_with_is_confirmed_without_asking(settings, served):
    small, _ = served
    with device_of(settings) as device:
        device.wish(FACTORY_WISH)
        assert device.turn().state == "confirmed"
        assert device.used == [FACTORY["version"]]
    assert [path for path, _ in small.gets] == ["/v1/models/metadata/1.root.json"]


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("constant", {}, "the same answer for every stored crop"),
        ("nan", {}, "no probability distribution"),
        ("crashing", {}, "crashed the interpreter in the self-test (SIGSEGV)"),
        ("broken", {}, "cannot load it"),
        ("good", {"min_agent_version": "99.0"}, "needs agent 99.0"),
        ("good", {"runtime": "onnx"}, "it is for onnx"),
        ("good", {"file": "../current"}, "its file has no bare name"),
        ("good", {"file": ".."}, "its file has no bare name"),
        ("good", {"file": "manifest.json"}, "its file has no bare name"),
        ("good", {"temperature": 1e-6}, "no probability distribution"),
        ("good", {"label_scheme": "fer7", "labels": list(FER7)}, "needs those of company5"),
    ],
)
def test_a_bad_model_is_rejected_and_the_old_one_stays_in_use(settings, served, kind, changes, said):
    _, repository = served
    with device_of(settings) as device:
        device.wish(repository.add(make_model(kind), "bad-1", **changes))
        device.turn()
        assert (device.state, device.used) == ("rejected", [FACTORY["version"]])
        assert said in device.reason
        assert device.slots.shelf.named("current") is None
        assert not list(settings.models_dir.glob("*.part"))


def test_a_slow_model_is_rejected(settings, served):
    _, repository = served
    with device_of(changed(settings, latency_p95_s=0.01)) as device:
        device.wish(repository.add(make_model("slow", repeats=600), "slow-1"))
        assert device.turn().state == "rejected"
        assert "more than 10 ms" in device.reason
        assert device.used == [FACTORY["version"]]


def test_a_model_whose_self_test_hangs_is_rejected(settings, served):
    _, repository = served
    with device_of(changed(settings, selftest_timeout_s=1.0)) as device:
        device.wish(repository.add(make_model("slow", repeats=600), "slow-1"))
        assert device.turn().state == "rejected"
        assert "did not end in 1 s" in device.reason


def test_a_model_that_is_too_large_is_never_fetched(settings, served):
    small, repository = served
    with device_of(changed(settings, max_bytes=1_000_000)) as device:
        device.wish(repository.add(make_model("good"), "big-1"))
        assert device.turn().state == "rejected"
        assert "more than the 1000000 that this device takes" in device.reason
    assert not [path for path, _ in small.gets if "/targets/" in path]


def test_a_refused_model_is_not_tried_again_until_another_was_wished_for(settings, served):
    small, repository = served
    bad = repository.add(make_model("constant"), "bad-1")
    with device_of(settings) as device:
        device.wish(bad)
        device.turn()
        asked = len(small.gets)
        device.turn(3)
        device.wish(None)
        device.turn()
        device.wish(bad)
        device.turn(2)
        assert (len(small.gets), device.state) == (asked, "rejected")
    with device_of(settings) as device:
        assert (device.turn(2).state, len(small.gets)) == ("rejected", asked)
        device.wish(FACTORY_WISH)
        assert device.turn().state == "confirmed"
        device.wish(bad)
        assert device.turn().state == "rejected"
        assert len(small.gets) > asked


def test_the_one_before_is_gone_back_to_at_once_and_offline(settings, served):
    small, repository = served
    first, second = (repository.add(make_model("good", n), f"n-{n}") for n in (1, 2))
    with device_of(settings) as device:
        for wish in (first, second):
            device.wish(wish)
            device.turn().see()
        asked, small.files = len(small.gets), {}
        for wish, version in ((first, "n-1"), (second, "n-2"), (FACTORY_WISH, FACTORY["version"])):
            device.wish(wish)
            device.turn()
            assert (device.state, device.in_use.manifest.version) == ("confirmed", version)
        assert len(small.gets) == asked
        assert device.slots.shelf.named("good") is None


def test_an_unproven_model_is_left_at_once_when_the_server_wishes_the_old_one(settings, served):
    _, repository = served
    with device_of(settings) as device:
        device.wish(repository.add(make_model("good"), "n-1"))
        device.turn().see(2)
        device.wish(FACTORY_WISH)
        device.turn()
        assert (device.state, device.in_use.manifest.version) == ("confirmed", FACTORY["version"])


def installed(device, repository):
    device.wish(repository.add(make_model("good"), "n-1"))
    assert device.turn().state == "installed"


def test_a_bad_output_in_use_takes_the_model_back_also_offline(settings, served):
    small, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        small.files = {}
        device.in_use._classifier = Failing(device.in_use.manifest, OutputError("nan"))
        with pytest.raises(OutputError):
            device.in_use.probabilities(black(device))
        device.turn()
        assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        assert "no probability distribution" in device.reason
        assert device.slots.shelf.named("current") is None


def test_a_model_that_is_slow_in_use_is_taken_back(settings, served):
    _, repository = served
    with device_of(changed(settings, latency_p95_s=0.05, good_frames=40)) as device:
        installed(device, repository)
        device.in_use._timer = Stopwatch(0.2)
        device.see(3)
        assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        assert "3 of 3 faces took more than 50 ms" in device.reason


def test_a_model_that_gives_one_answer_in_use_is_taken_back(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        device.in_use._classifier = Saying(device.in_use.manifest)
        device.see()
        assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        assert "8 faces got the same answer, which the last good model tells apart" in device.reason


def test_one_answer_for_one_and_the_same_face_tells_nothing_against_it(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        for _ in range(FACES):
            device.in_use.probabilities(black(device))
        assert device.turn().state == "confirmed"


def test_a_model_that_was_unproven_at_two_starts_is_taken_back(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
    with device_of(settings) as device:
        assert (device.state, device.used) == ("installed", ["n-1"])
    with device_of(settings) as device:
        assert (device.state, device.used) == ("reverted", [FACTORY["version"]])
        assert "ended twice" in device.reason
        device.turn(2)
        assert device.state == "reverted"


def test_clean_stops_do_not_count_against_it(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
    for _ in range(4):
        with device_of(settings) as device:
            assert device.used == ["n-1"]
            device.slots.stopped()
    with device_of(settings) as device:
        assert device.see().state == "confirmed"


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


def test_a_model_that_hangs_in_use_is_taken_back_and_a_new_process_asked_for(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        device.in_use._timer = Stopwatch(20)
        device.in_use._since_s = 0.0
        with pytest.raises(HungError, match="did not end in 15 s"):
            device.updater.run(threading.Event(), device.adopt)
        assert device.state == "reverted"
    with device_of(settings) as device:
        assert (device.used, device.state) == ([FACTORY["version"]], "reverted")


def test_a_disk_that_takes_no_writes_does_not_keep_a_bad_model_in_use(settings, served, monkeypatch):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        device.in_use._classifier = Failing(device.in_use.manifest, OutputError("nan"))
        with pytest.raises(OutputError):
            device.in_use.probabilities(black(device))
        with monkeypatch.context() as full:
            full.setattr(slots, "write_journal", no_space)
            device.turn(2)
            assert (device.state, device.used[-1]) == ("reverted", FACTORY["version"])
        device.turn()
    assert read_journal(settings.update_file).state == "reverted"


def test_the_thread_outlives_errors_and_ends_when_it_is_told_to(settings, served, monkeypatch):
    _, repository = served
    with device_of(settings) as device:
        stop = threading.Event()
        monkeypatch.setattr(device.updater, "turn", Once(device.updater.turn))
        thread = threading.Thread(target=device.updater.run, args=(stop, device.adopt))
        thread.start()
        device.wish(repository.add(make_model("good"), "n-1"))
        wait_until(lambda: device.state == "installed", "the model in use")
        stop.set()
        device.directives.changed.set()
        thread.join(5)
        assert not thread.is_alive()
    assert read_journal(settings.update_file).starts == 0


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


def test_a_model_that_was_not_yet_proven_gives_way_to_the_next(settings, served):
    _, repository = served
    with device_of(settings) as device:
        installed(device, repository)
        broken = Failing(device.in_use.manifest, OutputError("nan"))
        device.in_use._classifier = broken
        device.wish(repository.add(make_model("constant"), "bad-2"))
        device.turn()
        assert (device.state, device.used[-1]) == ("rejected", FACTORY["version"])
        device.wish(repository.add(make_model("good", 3), "n-3"))
        device.turn().see()
        assert (device.state, device.slots.journal.offer.version) == ("confirmed", "n-3")


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


class Once:
    """Fails the first time."""

    def __init__(self, turn):
        self.turn = turn

    def __call__(self):
        if not hasattr(self, "failed"):
            self.failed = True
            raise RuntimeError("for the test")
        self.turn()


def no_space(path, journal):
    raise OSError(errno.ENOSPC, "No space left on device")


class Failing:
    def __init__(self, manifest, error):
        self.manifest, self.error = manifest, error

    def probabilities(self, face):
        raise self.error


class Saying:
    def __init__(self, manifest):
        self.manifest = manifest

    def probabilities(self, face):
        return np.full(5, 0.2, np.float32)


class Stopwatch:
    """Each look at it is `step_s` later than the last."""

    def __init__(self, step_s):
        self.step_s, self.at_s = step_s, 0.0

    def __call__(self):
        self.at_s += self.step_s
        return self.at_s
