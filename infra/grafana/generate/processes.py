"""The processes behind the platform, for the operator: rate, errors and duration of each, and signs of life."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.panels import BAD, COVERAGE, FATIGUE, GOOD, GREY, STRESS, WITHHELD, colour, trend
from grafana.generate.queries import Prom, quantiles

_SIGNS = (
    ("A", "beat", "stressvision_beat_last_tick_timestamp_seconds", FATIGUE),
    ("B", "worker", "stressvision_worker_last_progress_timestamp_seconds", STRESS),
    ("C", "medidas / gauges", "stressvision_gauges_refreshed_timestamp_seconds", GREY),
    ("D", "avisos / alerts", "stressvision_alert_loop_last_turn_timestamp_seconds", WITHHELD),
)
_MISHAPS = (
    ("A", "worker: atascado / stuck", "stressvision_worker_self_exits_total", STRESS),
    ("B", "worker: sin base de datos / no database", "stressvision_worker_watch_failures_total", WITHHELD),
    ("C", "ingest: sin base de datos / no database", "stressvision_ingest_connect_failures_total", FATIGUE),
    ("D", "control: fallos / faults", "stressvision_control_faults_total", BAD),
)
"""Query, name, metric and colour."""


def add_publication(board: Dashboard) -> None:
    board.with_row(Row("Cifras para Recursos Humanos / Figures for Human Resources"))
    board.with_panel(
        trend(
            "Publicación / Publication",
            "Por hora: días publicados e intentos fallidos; y grupos que cambiaron después, lo que ninguna cifra "
            "muestra. / By the hour: days published and tries that failed; and groups that changed afterwards, which "
            "no figure shows.",
            [
                Prom("sum(increase(stressvision_publication_days_total[1h]))", "días / days"),
                Prom("sum(increase(stressvision_publication_failures_total[1h]))", "fallos / failures", ref="B"),
                Prom("max(stressvision_publication_changed_cells)", "cambiados / changed", ref="C"),
            ],
            unit="short",
            overrides=colour({"días / days": FATIGUE, "fallos / failures": BAD, "cambiados / changed": GREY}),
        )
    )
    board.with_panel(
        trend(
            "Consultas cortadas / Statements cut off",
            "Sesiones de tableros que duraron demasiado, por hora: un panel lento, o alguien que prueba. / "
            "Sessions of dashboards that ran for too long, by the hour: a slow panel, or somebody trying.",
            [Prom("sum(increase(stressvision_dashboard_sessions_ended_total[1h]))", "sesiones / sessions")],
            unit="short", overrides=colour({"sesiones / sessions": STRESS}),
        )
    )  # fmt: skip


def add_processes(board: Dashboard) -> None:
    board.with_row(Row("API de control y tareas / Control API and tasks"))
    _control(board)
    _tasks(board)
    board.with_row(Row("Señales de vida / Signs of life"))
    _life(board)


def _control(board: Dashboard) -> None:
    board.with_panel(
        trend(
            "Peticiones de personas / People's requests",
            "Al API de control, por clase de estado. / To the control API, by class of status.",
            [Prom("sum by (status) (rate(stressvision_control_requests_total[$__rate_interval]))", "{{status}}")],
            unit="reqps", overrides=colour({"2xx": FATIGUE, "3xx": GREY, "4xx": STRESS, "5xx": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Duración de una petición / Duration of a request",
            "Del API de control, desde el primer byte hasta el último. / Of the control API, from first byte to last.",
            quantiles("stressvision_control_request_seconds"),
            unit="s", overrides=colour({"p50": COVERAGE, "p99": STRESS}),
        )
    )  # fmt: skip


def _tasks(board: Dashboard) -> None:
    board.with_panel(
        trend(
            "Tareas / Tasks",
            "Tareas terminadas por segundo. / Tasks ended per second.",
            [Prom(
                "sum by (task, outcome) (rate(stressvision_worker_tasks_total[$__rate_interval]))",
                "{{task}} {{outcome}}",
            )],
            unit="ops",
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Duración de las tareas / Duration of tasks",
            "Percentil 99 de cada tarea. / 99th percentile of each task.",
            [Prom(
                "histogram_quantile(0.99, "
                "sum by (le, task) (rate(stressvision_worker_task_duration_seconds_bucket[$__rate_interval])))",
                "{{task}}",
            )],
            unit="s",
        )
    )  # fmt: skip


def _life(board: Dashboard) -> None:
    board.with_panel(
        trend(
            "Desde la última señal / Since the last sign of life",
            "Cuánto hace que beat miró su horario, que el worker acabó una tarea, que se leyeron las medidas y que se "
            "buscaron episodios. / Since beat looked at its schedule, the worker ended a task, gauges were read, and "
            "episodes were looked for.",
            [Prom(f"time() - max({metric})", name, ref=ref) for ref, name, metric, _ in _SIGNS],
            unit="s", overrides=colour({name: paint for _, name, _, paint in _SIGNS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Percances / Mishaps",
            "En la última hora: procesos que se atascaron, bases de datos fuera de alcance, errores nuestros. / "
            "Within the hour: processes that were stuck, databases out of reach, errors of ours.",
            [Prom(f"sum(increase({metric}[1h]))", name, ref=ref) for ref, name, metric, _ in _MISHAPS],
            unit="short", overrides=colour({name: paint for _, name, _, paint in _MISHAPS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Firmas: queda / Signatures: time left",
            "Hasta que los dispositivos rechacen modelos nuevos, por pieza del repositorio. / "
            "Until devices refuse new models, by piece of the repository.",
            [Prom("min by (kind) (stressvision_models_metadata_expires_timestamp_seconds) - time()", "{{kind}}")],
            unit="s", overrides=colour({"timestamp": FATIGUE, "snapshot": COVERAGE, "targets": GOOD, "root": GREY}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Series / Time series",
            "Cuántas guarda Prometheus de la plataforma; más de 2.000 es una etiqueta que se escapó. / "
            "How many Prometheus keeps of the platform; more than 2,000 is a label that has got away.",
            [Prom('count({__name__=~"stressvision_.+"})', "series")],
            unit="none", overrides=colour({"series": GREY}),
        )
    )  # fmt: skip
