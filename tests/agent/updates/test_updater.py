"""A device's way with a model, over real HTTP: obtained, tried, in use, proven; or refused."""

import threading

import pytest

from stressvision_agent.updates.journal import read_journal
from stressvision_contracts.fleet import DesiredModel
from stressvision_contracts.labels import FER7
from support.models import FACTORY, make_model
from support.servers import wait_until
from support.updating import FACES, changed, device_of

FACTORY_WISH = DesiredModel(version=FACTORY["version"], digest=FACTORY["digest"])


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


class Once:
    """Fails the first time."""

    def __init__(self, turn):
        self.turn = turn

    def __call__(self):
        if not hasattr(self, "failed"):
            self.failed = True
            raise RuntimeError("for the test")
        self.turn()
