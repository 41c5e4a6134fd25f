"""Holding a job: heartbeats, what ends it, and a control API that is away for a while."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from stressvision_control.app import create_app
from stressvision_control.settings import Settings
from stressvision_trainer.control import Claim, Control
from stressvision_trainer.errors import AskedToStopError, CancelledError, ControlError, LostError
from stressvision_trainer.holding import Held
from support import control as services
from support.database import Database
from support.servers import free_port
from support.trainers import job_of, log_of
from support.training import expire_lease, start_job

pytestmark = pytest.mark.db


def eventually(check: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def claim_as(control: services.Control, name: str = "a") -> tuple[Control, Claim]:
    trainer = Control(control.url, control.token("ml"))
    claim = trainer.claim(name)
    assert claim is not None
    return trainer, claim


def take_over(control: services.Control, job: int) -> Control:
    """By another trainer; the first one's heartbeat may come in between."""
    other = Control(control.url, control.token("ml"))

    def taken() -> bool:
        expire_lease(control, job)
        return other.claim("b") is not None

    eventually(taken)
    return other


def test_lines_and_stages_arrive_and_the_lease_is_renewed(control: services.Control) -> None:
    job = start_job(control)["id"]
    trainer, claim = claim_as(control)
    before = job_of(control, job)["lease_until"]
    with Held(trainer, claim, heartbeat_s=0.1, stop=threading.Event()) as held:
        held.say("by heartbeat")
        eventually(lambda: log_of(control, job) == ["by heartbeat"])
        held.say("with a stage")
        held.report(stage="fit")
        assert log_of(control, job) == ["by heartbeat", "with a stage"]
        held.check()
    assert job_of(control, job)["stage"] == "fit"
    assert job_of(control, job)["lease_until"] > before
    trainer.close()


def test_a_lost_lease_a_cancel_and_a_stop_are_known_within_seconds(control: services.Control) -> None:
    job = start_job(control)["id"]
    trainer, claim = claim_as(control)
    stop = threading.Event()
    with Held(trainer, claim, heartbeat_s=0.1, stop=stop) as held:
        stop.set()
        with pytest.raises(AskedToStopError):
            held.wait(60)
        stop.clear()
        other = take_over(control, job)
        eventually(lambda: held._why is not None)
        with pytest.raises(LostError, match="stale"):
            held.check()
        with pytest.raises(LostError):
            held.report(stage="fit")
    job = start_job(control)["id"]
    third, claim = claim_as(control, "c")
    with Held(third, claim, heartbeat_s=0.1, stop=stop) as held:
        control.as_role("ml").post(f"/v1/training-jobs/{job}/cancel")
        eventually(lambda: held._why is not None)
        with pytest.raises(CancelledError):
            held.check()
    for each in (trainer, other, third):
        each.close()


def test_a_run_outlives_an_outage_of_the_control_api(database: Database) -> None:
    port = free_port()
    settings = Settings(env="production", control_database_url=database.url("control"), control_port=port)

    def serve(stack: ExitStack) -> None:
        server, thread = services.start_server(create_app(settings), port)
        stack.callback(thread.join)
        stack.callback(setattr, server, "should_exit", True)

    control = services.Control(f"http://127.0.0.1:{port}", database)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            serve(again)
        time.sleep(0.05)

    with ExitStack() as again:
        with ExitStack() as first:
            serve(first)
            job = start_job(control)["id"]
            trainer = Control(control.url, control.token("ml"), wait=pause)
            claim = trainer.claim("a")
            assert claim is not None
            held = Held(trainer, claim, heartbeat_s=0.1, stop=threading.Event())
            first.callback(held.__enter__)  # begins as the server ends
        held.say("said while it was away")
        time.sleep(0.5)
        held.mention(epoch={"epoch": 1, "epochs": 2})  # unheard, and work goes on
        held.check()  # nothing is lost: only the fence could say so
        held.report(stage="fit")
        assert len(waits) >= 3
        held.__exit__()
        assert trainer.epochs_told(job) == set()
        assert (job_of(control, job)["stage"], log_of(control, job)) == ("fit", ["said while it was away"])
        trainer.close()
        control.close()


def test_a_line_that_is_too_long_stops_no_heartbeat(control: services.Control) -> None:
    job = start_job(control)["id"]
    trainer, claim = claim_as(control)
    with Held(trainer, claim, heartbeat_s=0.1, stop=threading.Event()) as held:
        held.say("x" * 10_000)  # as Keras says what it cannot load
        eventually(lambda: [set(line) for line in log_of(control, job)] == [{"x"}])
        held.report(stage="fit")
    trainer.close()


def test_what_was_said_before_a_refusal_is_sent_with_the_last_words(control: services.Control) -> None:
    job = start_job(control)["id"]
    trainer, claim = claim_as(control)
    with Held(trainer, claim, heartbeat_s=60, stop=threading.Event()) as held:
        held.say("half way")
        with pytest.raises(ControlError):
            held.report(stage="no such stage")
        held.flush()
    assert log_of(control, job) == ["half way"]
    trainer.close()


def test_what_is_refused_is_not_asked_again(control: services.Control) -> None:
    def never(_: float) -> None:
        raise AssertionError("it was asked again")

    trainer = Control(control.url, control.token("hr"), wait=never)
    with pytest.raises(ControlError, match="needs one of the roles") as refused:
        trainer.desired_model()
    assert refused.value.status == 403
    trainer.close()
