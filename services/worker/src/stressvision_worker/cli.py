"""The two processes, `stressvision-worker` and `stressvision-beat`: no arguments, settings from the environment."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from stressvision_telemetry.logs import configure_logs
from stressvision_worker.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is first imported."""


FOLDER_PREFIX = "stressvision-worker-metrics-"

CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.beat")
"""They tell of every task that comes and goes; the counters do too."""


def load_settings() -> Settings:
    """End with one line for each fault, and none of the values: some are secret."""
    try:
        return Settings()  # type: ignore[call-arg]  # the environment brings the rest
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            where = ".".join(str(part) for part in fault["loc"])
            sys.stderr.write(f"settings: {where or 'environment'}: {fault['msg']}\n")
        sys.exit(2)


def start_logs(settings: Settings) -> None:
    configure_logs(settings.log_level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))


def make_metrics_folder(parent: Path) -> Path:
    """An empty folder for this process' counters; those of workers that were killed are removed."""
    for folder in parent.glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(FOLDER_PREFIX).split("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=parent))


def worker() -> None:
    """Run until SIGTERM, which lets running tasks end."""
    settings = load_settings()
    start_logs(settings)
    folder = make_metrics_folder(Path(tempfile.gettempdir()))
    os.environ[MULTIPROCESS_FOLDER] = str(folder)
    try:
        _run_worker(settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_worker(settings: Settings) -> None:
    from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    from stressvision_store.session import create_engine
    from stressvision_worker.alerts import alerts_of
    from stressvision_worker.app import create_celery, forget_backlog
    from stressvision_worker.watch import Watch

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)
    app = create_celery(settings)
    url = settings.database_url.get_secret_value()
    engine = create_engine(url, pool_size=1, name="stressvision-worker-watch", patience_s=10.0)
    watch = Watch(engine, stuck_s=settings.stuck_s)
    alerts = alerts_of(url)
    server, _ = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    forget_backlog(settings)
    _ask_at_start(app)
    _start_after_forks(app, alerts.start, lambda: watch.start(app))
    try:
        app.worker_main(_arguments(settings))
    finally:
        alerts.stop()
        server.shutdown()
        server.server_close()


def _start_after_forks(app: "Celery", *starts: Callable[[], None]) -> None:
    """What a thread holds when the pool's processes are forked (an import, a mapper), they would wait for for ever."""
    from celery.bootsteps import StartStopStep

    class Threads(StartStopStep):  # type: ignore[misc]
        requires = ("celery.worker.components:Pool",)

        def start(self, _: object) -> None:
            for start in starts:
                start()

    app.steps["worker"].add(Threads)


def _arguments(settings: Settings) -> list[str]:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    pool = ["--pool", "prefork", "--concurrency", str(settings.processes)]
    return ["--quiet", "worker", *pool, "--loglevel", settings.log_level, *quiet]


def _ask_at_start(app: "Celery") -> None:
    from celery.signals import worker_ready

    from stressvision_worker.app import AT_START

    def ask(**_: object) -> None:
        for name in AT_START:
            app.send_task(name, expires=60)

    worker_ready.connect(ask, weak=False)


def beat() -> None:
    """Run until SIGTERM. Two at once do no harm."""
    settings = load_settings()
    start_logs(settings)

    from stressvision_telemetry.metrics import expose
    from stressvision_worker.app import create_celery
    from stressvision_worker.beat import CountingScheduler

    stop = expose(settings.beat_metrics_port, settings.metrics_host)
    try:
        create_celery(settings).Beat(scheduler_cls=CountingScheduler, loglevel=settings.log_level, quiet=True).run()
    finally:
        stop()
