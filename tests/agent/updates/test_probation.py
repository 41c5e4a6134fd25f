"""A model on probation: when it is proven, when it has failed, when it hangs; and waits between tries."""

import numpy as np
import pytest

from stressvision_agent.updates.probation import Terms, Watched
from support.seeing import ToldClassifier

FACE = np.zeros((48, 48), np.uint8)


class Turned:
    """A clock and a model: each answer takes `takes_s`."""

    def __init__(self, takes_s=0.01):
        self.at_s, self.takes_s = 0.0, takes_s
        self.model = ToldClassifier()
        self.manifest = self.model.manifest
        self.answers = 0

    def __call__(self):
        return self.at_s

    def probabilities(self, face):
        self.at_s += self.takes_s
        self.answers += 1
        share = 0.2 + 0.3 * (self.answers % 2)
        return np.array([share, *[(1 - share) / 4] * 4], np.float32)


def watched(turned, faces=100, latency_s=0.066):
    return Watched(turned, Terms(faces=faces, latency_s=latency_s), timer=turned)


def test_it_is_proven_after_so_many_good_faces_and_not_before():
    turned = Turned()
    model = watched(turned)
    for _ in range(99):
        model.probabilities(FACE)
        assert model.verdict() is None
    model.probabilities(FACE)
    assert model.verdict() == ("proven", "100 good faces")
    model.prove()
    assert model.verdict() is None


def test_five_slow_faces_of_a_hundred_are_within_the_95th_percentile_and_six_are_not():
    turned = Turned()
    model = watched(turned)
    for index in range(5):
        turned.takes_s = 0.1
        model.probabilities(FACE)
        turned.takes_s = 0.01
        for _ in range(5):
            model.probabilities(FACE)
        assert model.verdict() is None, index
    turned.takes_s = 0.1
    model.probabilities(FACE)
    word, reason = model.verdict()
    assert (word, reason) == ("failed", "6 of 31 faces took more than 66 ms")


@pytest.mark.parametrize("takes_s", [0.1, 0.5, 1.0, 3.0, 9.0, 14.0])
def test_however_slow_it_is_told_within_a_minute(takes_s):
    turned = Turned(takes_s)
    model = watched(turned)
    while model.verdict() is None:
        model.probabilities(FACE)
    assert model.verdict()[0] == "failed"
    assert turned.at_s <= 30


def test_an_answer_that_never_comes_is_noticed_by_another_thread():
    turned = Turned()
    model = watched(turned)
    heard = []

    class Hanging(Turned):
        def probabilities(self, face):
            turned.at_s += 16
            heard.append(model.verdict())
            return super().probabilities(face)

    model._classifier = Hanging()
    model.probabilities(FACE)
    assert heard == [("hung", "a classification did not end in 15 s")]


def test_an_error_of_the_interpreter_is_a_failure():
    turned = Turned()
    model = watched(turned)

    class Broken(Turned):
        def probabilities(self, face):
            raise RuntimeError("tensor gone")

    model._classifier = Broken()
    with pytest.raises(RuntimeError):
        model.probabilities(FACE)
    assert model.verdict() == ("failed", "it failed with RuntimeError: tensor gone")


def test_one_answer_is_put_to_a_model_that_is_known_to_be_good():
    model = Watched(ToldClassifier(), Terms(faces=32, latency_s=1.0))
    for _ in range(32):
        model.probabilities(FACE)
    assert model.verdict()[0] == "same"
    assert model.is_told_apart(Turned())
    assert not model.is_told_apart(ToldClassifier())
