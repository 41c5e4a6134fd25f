"""A model that is in use and not yet proven: proven, or taken back with its reason."""

import threading

import pytest

from stressvision_agent.updates.updater import HungError
from stressvision_vision.classifier import OutputError
from support.models import FACTORY, make_model
from support.updating import FACES, Failing, Saying, Stopwatch, black, changed, device_of


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
