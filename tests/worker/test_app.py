from stressvision_worker.app import (
    AT_START,
    HARD_LIMIT_S,
    HOUSEKEEPING,
    SCHEDULE,
    SOFT_LIMIT_S,
    VISIBILITY_TIMEOUT_S,
    create_celery,
)
from stressvision_worker.settings import Settings
from stressvision_worker.tasks import BUDGET_S, STATEMENT_S, TASKS


def make_app() -> object:
    return create_celery(Settings(database_url="postgresql://w:a-good-one@127.0.0.1/x"))


def test_every_scheduled_task_exists() -> None:
    app = make_app()

    assert set(SCHEDULE) <= set(TASKS) <= set(app.tasks)
    assert set(AT_START) <= set(TASKS)
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == set(SCHEDULE)


def test_each_application_has_tasks_of_its_own() -> None:
    """Celery shares tasks among applications: the first one's, with its database, would serve under both."""
    first, second = make_app(), make_app()

    assert all(first.tasks[name].app is first and second.tasks[name].app is second for name in TASKS)
    assert all(first.tasks[name].run is not second.tasks[name].run for name in TASKS)


def test_wake_ups_that_name_no_queue_reach_the_worker() -> None:
    """Ingest and control send `rollups.refresh` to Celery's own default queue."""
    app = make_app()

    assert "celery" in {queue.name for queue in app.conf.task_queues}
    assert app.conf.task_default_queue == "celery"
    assert HOUSEKEEPING in {queue.name for queue in app.conf.task_queues}


def test_no_task_may_run_longer_than_it_stays_invisible() -> None:
    assert BUDGET_S < STATEMENT_S < SOFT_LIMIT_S < HARD_LIMIT_S < VISIBILITY_TIMEOUT_S
    assert make_app().conf.broker_transport_options["visibility_timeout"] == VISIBILITY_TIMEOUT_S


def test_what_nobody_took_in_time_is_thrown_away() -> None:
    for entry in make_app().conf.beat_schedule.values():
        assert entry["options"]["expires"] == entry["schedule"]
