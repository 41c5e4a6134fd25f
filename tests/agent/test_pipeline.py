from itertools import pairwise

import numpy as np
import pytest

from stressvision_agent.camera import CameraError, SourceError
from stressvision_agent.drafts import EpisodeDraft, GapDraft, WindowDraft
from stressvision_agent.pipeline import Pipeline
from stressvision_vision.classifier import ModelError, OutputError
from support.seeing import BLACK, SeenFace, StopAt, ToldClassifier, TurnedClock, make_manifest, script, texture

FACE = texture()


def see(
    steps, *, clock=None, settings=None, until_s=float("inf"), classifier=None, max_frames=None, interval_s=0.1, **more
):
    clock = clock or TurnedClock()
    drafts = []
    pipeline = Pipeline(
        script(clock, steps, interval_s),
        SeenFace(),
        classifier or ToldClassifier(),
        clock,
        drafts.append,
        settings,
        **more,
    )
    frames = pipeline.run(stop=StopAt(clock, until_s), max_frames=max_frames)
    return frames, drafts, pipeline


def told(drafts):
    """Windows and gaps tile the time: none overlaps, none leaves a hole."""
    spans = [draft for draft in drafts if not isinstance(draft, EpisodeDraft)]
    for one, after in pairwise(spans):
        assert after.started_s == pytest.approx(one.ended_s)
    assert all(draft.ended_s > draft.started_s for draft in spans)
    return spans


def test_a_window_says_what_was_seen():
    frames, drafts, _ = see([FACE] * 601)
    assert frames == 601
    first = told(drafts)[0]
    assert isinstance(first, WindowDraft)
    assert first.ended_s - first.started_s == pytest.approx(60)
    assert first.coverage == pytest.approx(1, abs=0.01)
    assert first.seconds["neutral"] == pytest.approx(60, abs=0.2)
    assert first.mean_probability["neutral"] == pytest.approx(0.9)
    assert first.model_version == "double-1"


def test_an_empty_chair_is_a_window_without_coverage():
    _, drafts, _ = see([BLACK] * 100)
    (window,) = told(drafts)
    assert (window.frames, window.faces, window.coverage) == (100, 0, 0.0)


def test_max_frames_ends_the_run_after_so_many():
    assert see([FACE] * 100, max_frames=30)[0] == 30


def test_a_silent_camera_becomes_a_gap_within_5_seconds_and_is_opened_again():
    clock = TurnedClock()
    _, drafts, _ = see([*[FACE] * 50, 20.0, *[FACE] * 50], clock=clock)
    before, gap, after = told(drafts)
    assert isinstance(gap, GapDraft)
    assert gap.reason == "camera"
    assert before.ended_s == pytest.approx(1005.0, abs=0.2)
    # the double falls silent once per source, so what is blind is the time to notice and the pause before opening
    assert 4.0 <= gap.ended_s - gap.started_s <= 6.5
    assert after.frames == 50


def test_time_that_the_board_slept_through_is_a_gap():
    clock = TurnedClock()

    def sleeping():
        for index in range(100):
            if index == 50:
                clock.at_s += 3600
            yield FACE

    _, drafts, _ = see(sleeping(), clock=clock)
    spans = told(drafts)
    assert [getattr(span, "reason", "seen") for span in spans] == ["seen", *["camera"] * 13, "seen"]
    assert sum(span.ended_s - span.started_s for span in spans[1:-1]) == pytest.approx(3600, abs=0.3)


def test_a_camera_that_fails_again_and_again_is_opened_at_most_five_times_a_minute():
    clock = TurnedClock()
    openings = []
    pipeline_steps = iter(lambda: CameraError("unplugged"), None)

    def factory():
        openings.append(clock.at_s)
        return script(clock, pipeline_steps)()

    drafts = []
    Pipeline(factory, SeenFace(), ToldClassifier(), clock, drafts.append).run(stop=StopAt(clock, 1600.0))
    assert max(sum(start <= other < start + 60 for other in openings) for start in openings) <= 5
    assert len(openings) > 10
    assert sum(draft.ended_s - draft.started_s for draft in told(drafts)) == pytest.approx(600, abs=1)
    assert {draft.reason for draft in drafts} == {"camera"}


def test_pausing_gives_the_camera_back_and_leaves_a_paused_gap():
    clock = TurnedClock()
    _, drafts, _ = see([FACE] * 400, clock=clock, paused=lambda: 1010 <= clock.at_s < 1020, until_s=1030.0)
    before, gap, after = told(drafts)
    assert gap.reason == "paused"
    assert gap.started_s == pytest.approx(1010, abs=0.6)
    assert gap.ended_s == pytest.approx(1020, abs=0.6)
    assert before.frames + after.frames == pytest.approx(200, abs=10)


def test_a_switch_that_is_toggled_often_leaves_no_minute_without_a_camera():
    clock = TurnedClock()

    def toggled():
        return clock.at_s < 1040 and clock.at_s % 4 < 2

    _, drafts, _ = see([FACE] * 1000, clock=clock, paused=toggled, until_s=1060.0)
    last = told(drafts)[-1]
    assert isinstance(last, WindowDraft)
    assert last.started_s == pytest.approx(1040, abs=3)


def test_with_the_profile_off_nothing_but_paused_gaps_leaves():
    frames, drafts, _ = see([FACE] * 100, profile=lambda: "off", until_s=1700.0)
    assert frames == 0
    assert {draft.reason for draft in told(drafts)} == {"paused"}
    assert drafts[0].ended_s - drafts[0].started_s == 300


def test_with_fatigue_only_no_other_label_leaves():
    strained = ToldClassifier((0.02, 0.9, 0.02, 0.02, 0.04))
    _, drafts, _ = see([FACE] * 400, interval_s=1.0, classifier=strained, profile=lambda: "fatigue_only")
    assert drafts
    for draft in drafts:
        assert isinstance(draft, WindowDraft)
        assert set(draft.seconds) == set(draft.mean_probability) == {"fatigue"}


def test_a_profile_that_narrows_holds_for_what_was_seen_before():
    clock = TurnedClock()
    _, drafts, _ = see([FACE] * 300, clock=clock, profile=lambda: "safety" if clock.at_s < 1015 else "fatigue_only")
    assert [set(draft.seconds) for draft in told(drafts)] == [{"fatigue"}, {"fatigue"}]


class Broken(ToldClassifier):
    def probabilities(self, face):
        raise OutputError("NaN")


def test_bad_output_counts_as_not_seen():
    _, drafts, _ = see([FACE] * 50, classifier=Broken())
    assert drafts[0].faces == 0


def test_a_blurred_face_counts_as_not_seen():
    smooth = np.full((480, 640), 120, np.uint8)
    smooth[100:260, 200:360] = np.linspace(60, 200, 160, dtype=np.uint8)[None, :]
    _, drafts, _ = see([smooth] * 50)
    assert drafts[0].faces == 0


def test_an_open_episode_closes_when_the_camera_stalls():
    clock = TurnedClock()
    classifier = ToldClassifier()

    def told_by_time():
        for index in range(600):
            classifier.values = (0.9, 0.02, 0.02, 0.02, 0.04) if index < 200 else (0.04, 0.02, 0.02, 0.02, 0.9)
            yield FACE
        yield 30.0

    drafts = []
    Pipeline(script(clock, told_by_time(), 1.0), SeenFace(), classifier, clock, drafts.append).run(
        stop=StopAt(clock, 1660.0)
    )
    opened, closed = (draft for draft in drafts if isinstance(draft, EpisodeDraft))
    assert (opened.phase, closed.phase) == ("open", "close")
    assert opened.condition == "fatigue"
    assert closed.ended_s == pytest.approx(1600, abs=0.5)
    assert closed.episode_id == opened.episode_id


def test_sight_says_how_seeing_goes():
    _, _, pipeline = see([FACE] * 700)
    sight = pipeline.sight()
    assert sight.frames_per_second == pytest.approx(10, abs=0.2)
    assert sight.coverage == pytest.approx(1, abs=0.02)
    assert sight.model_digest == "0" * 64
    assert sight.inference_p95_s is not None


def test_a_source_that_can_never_work_ends_the_run():
    def factory():
        raise SourceError("there is no file")

    with pytest.raises(SourceError):
        Pipeline(factory, SeenFace(), ToldClassifier(), TurnedClock(), print).run()


def test_a_model_of_another_label_scheme_is_refused():
    manifest = make_manifest(label_scheme="fer7")
    with pytest.raises(ModelError, match="company5"):
        Pipeline(lambda: None, SeenFace(), ToldClassifier(manifest=manifest), TurnedClock(), print)


class Failing(ToldClassifier):
    """Breaks in a way that no one has foreseen, for the first `times` faces."""

    times = 5

    def probabilities(self, face):
        self.times -= 1
        if self.times >= 0:
            raise ZeroDivisionError
        return super().probabilities(face)


def test_an_unforeseen_error_costs_its_frame():
    _, drafts, _ = see([FACE] * 50, classifier=Failing())
    assert drafts[0].faces == 45


def test_ten_unforeseen_errors_in_a_row_end_the_loop():
    classifier = Failing()
    classifier.times = 1000
    with pytest.raises(ZeroDivisionError):
        see([FACE] * 50, classifier=classifier)
    assert classifier.times == 990


def changing(clock, at_s, pipelines, classifier):
    """Frames during which another model is handed over at `at_s`."""
    handed = False
    while True:
        if clock.at_s >= at_s and not handed:
            pipelines[0].adopt(classifier)
            handed = True
        yield FACE


def see_a_change(*, at_s, until_s, paused=lambda: False):
    clock, drafts, pipelines = TurnedClock(), [], []
    new = ToldClassifier(values=(0.1, 0.6, 0.1, 0.1, 0.1), manifest=make_manifest(version="new-1", digest="1" * 64))
    source = script(clock, changing(clock, at_s, pipelines, new))
    pipelines.append(Pipeline(source, SeenFace(), ToldClassifier(), clock, drafts.append, paused=paused))
    if paused():
        pipelines[0].adopt(new)
    pipelines[0].run(stop=StopAt(clock, until_s))
    return drafts, pipelines[0]


def test_a_new_model_takes_over_at_a_frame_and_no_time_is_lost():
    drafts, pipeline = see_a_change(at_s=1090.0, until_s=1150.0)
    spans = told(drafts)
    assert [(span.model_version, round(span.ended_s - span.started_s)) for span in spans] == [
        ("double-1", 60), ("double-1", 30), ("new-1", 60)
    ]  # fmt: skip
    assert sum(span.frames for span in spans) == pytest.approx(1500, abs=3)
    assert spans[1].mean_probability["neutral"] == pytest.approx(0.9)
    assert spans[2].mean_probability["stress"] == pytest.approx(0.6)
    assert pipeline.sight().model_digest == "1" * 64


def test_an_open_episode_ends_with_the_model_that_saw_it():
    clock, classifier, drafts = TurnedClock(), ToldClassifier(), []
    new = ToldClassifier(manifest=make_manifest(version="new-1"))

    def told_by_time():
        for index in range(600):
            classifier.values = (0.9, 0.02, 0.02, 0.02, 0.04) if index < 200 else (0.04, 0.02, 0.02, 0.02, 0.9)
            if index == 500:
                pipeline.adopt(new)
            yield FACE

    pipeline = Pipeline(script(clock, told_by_time(), 1.0), SeenFace(), classifier, clock, drafts.append)
    pipeline.run(stop=StopAt(clock, 1650.0))
    opened, closed = (draft for draft in drafts if isinstance(draft, EpisodeDraft))
    assert (opened.phase, closed.phase) == ("open", "close")
    assert opened.model_version == closed.model_version == "double-1"
    assert closed.ended_s == pytest.approx(1501, abs=1)


def test_a_gap_goes_on_under_the_new_model():
    drafts, _ = see_a_change(at_s=2000.0, until_s=1100.0, paused=lambda: True)
    assert {draft.model_version for draft in drafts} == {"new-1"}
    assert sum(draft.ended_s - draft.started_s for draft in told(drafts)) == pytest.approx(100, abs=1)


def test_a_model_of_another_scheme_is_not_taken_over():
    _, _, pipeline = see([FACE] * 3)
    with pytest.raises(ModelError, match="a device needs company5"):
        pipeline.adopt(ToldClassifier(manifest=make_manifest(label_scheme="fer7")))
