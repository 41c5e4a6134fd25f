"""Operations: is the platform up, does it keep pace, and do the books of every device close."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.pages import page
from grafana.generate.panels import (
    BAD,
    COVERAGE,
    FATIGUE,
    GOOD,
    GREY,
    STRESS,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.people import add_alerts_to_people
from grafana.generate.queries import OPERATIONS, Prom, Sql


def build() -> Dashboard:
    return page(
        "operations",
        "Operaciones / Operations",
        "Si la plataforma funciona, va al día y cuadra sus cuentas. / "
        "Whether the platform is up, keeps pace, and its books close.",
        audience="operations",
        since="now-6h",
        refresh="1m",
        parts=[_now, _intake, _rollups, _devices, add_alerts_to_people, _books],
        height=6,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("Ahora / Now"))
    for title, description, query, kind, limit in (
        (
            "Procesos caídos / Processes down",
            "Objetivos de Prometheus que no responden. / Prometheus targets that do not answer.",
            Prom("count(up == 0) or vector(0)", now=True), "none", 1,
        ),
        (
            "Alertas / Alerts",
            ("Alertas que suenan ahora; su página está en docs/operations.md. / "
            "Alerts that ring now; their pages are in docs/operations.md."),
            Prom('count(ALERTS{alertstate="firing"}) or vector(0)', now=True), "none", 1,
        ),
        (
            "Marca más antigua / Oldest mark",
            ("Cuánto espera el tramo de cinco minutos más antiguo por recalcular. / "
            "How long the oldest five minutes to be recomputed have waited."),
            Sql(OPERATIONS, "SELECT oldest_age_s FROM ops.dirty_windows"), "s", 120,
        ),
        (
            "Cartas muertas / Dead letters",
            "Eventos rechazados que nadie ha reenviado. / Refused events that nobody has sent again.",
            Sql(OPERATIONS, "SELECT coalesce(sum(waiting), 0) AS waiting FROM ops.dead_letters"), "none", 1,
        ),
        (
            "Cuentas abiertas / Open books",
            "Dispositivos con eventos sin explicación. / Devices with unexplained events.",
            Sql(OPERATIONS, "SELECT count(*) FILTER (WHERE remainder > 0) AS devices FROM ops.accounts"), "none", 1,
        ),
        (
            "Fuera de partición / Outside partitions",
            ("Eventos con relojes absurdos, o falta una partición diaria. / "
            "Events of absurd clocks, or a daily partition is missing."),
            Prom("max(stressvision_default_partition_events)", now=True), "none", 1,
        ),
    ):  # fmt: skip
        board.with_panel(figure(title, description, query, unit=kind, decimals=0, alarm_above=limit))


def _intake(board: Dashboard) -> None:
    board.with_row(Row("Entrada / Intake"))
    board.with_panel(
        trend(
            "Eventos por segundo / Events per second",
            "Guardados, repetidos y rechazados. / Stored, known already, and refused.",
            [Prom("sum by (verdict) (rate(stressvision_ingest_events_total[$__rate_interval]))", "{{verdict}}")],
            unit="cps", overrides=colour({"stored": FATIGUE, "duplicate": GREY, "rejected": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Peticiones no aceptadas / Requests not taken",
            "Por código de estado; 401 y 422 son del dispositivo, 429 y 503 le piden volver. / "
            "By status; 401 and 422 are the device's, 429 and 503 ask it to come again.",
            [Prom("sum by (status) (rate(stressvision_ingest_problems_total[$__rate_interval]))", "{{status}}")],
            unit="reqps",
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Duración de un lote / Duration of a batch",
            "Desde el primer byte hasta el recibo, tras el commit. / From the first byte to the receipt, after commit.",
            [
                Prom(_quantile(share, "stressvision_ingest_batch_duration_seconds"), f"p{share * 100:g}", ref=ref)
                for share, ref in ((0.5, "A"), (0.99, "B"))
            ],
            unit="s", overrides=colour({"p50": COVERAGE, "p99": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Cola / Queue",
            "Cuánto ha esperado el evento más antiguo; pasados 2 s se responde 503. / "
            "How long the oldest event has waited; beyond 2 s the answer is 503.",
            [Prom("max(stressvision_ingest_queue_age_seconds)", "edad / age")],
            unit="s", overrides=colour({"edad / age": STRESS}),
        )
    )  # fmt: skip


def _rollups(board: Dashboard) -> None:
    board.with_row(Row("Agregación / Rollups"))
    board.with_panel(
        trend(
            "Marcas en espera / Marks waiting",
            "Tramos de cinco minutos de un dispositivo por recalcular. / Five minutes of a device to be recomputed.",
            [Prom("max(stressvision_dirty_windows)", "marcas / marks")],
            unit="none", overrides=colour({"marcas / marks": FATIGUE}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Visible después de / Visible after",
            "Desde la marca más antigua de una tanda hasta su commit. / From the oldest mark of a drain to its commit.",
            [
                Prom(_quantile(share, "stressvision_rollups_visible_after_seconds"), f"p{share * 100:g}", ref=ref)
                for share, ref in ((0.5, "A"), (0.99, "B"))
            ],
            unit="s", overrides=colour({"p50": COVERAGE, "p99": STRESS}),
        )
    )  # fmt: skip
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
            "Dispositivos por estado / Devices by state",
            "Sin latido durante 5 minutos: «silent». / No heartbeat for 5 minutes: \"silent\".",
            [Prom("max by (state) (stressvision_agents)", "{{state}}")],
            unit="none", overrides=colour({"online": GOOD, "silent": BAD, "paused": COVERAGE, "never_seen": GREY}),
        )
    )  # fmt: skip


def _quantile(share: float, histogram: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))"


def _devices(board: Dashboard) -> None:
    board.with_row(Row("Dispositivos / Devices"))
    board.with_panel(
        listing(
            "Estados / States",
            "Sin latido durante 5 minutos: «stale». / No heartbeat for 5 minutes: \"stale\".",
            Sql(OPERATIONS, """
SELECT coalesce(site, '—') AS site, state, count(*) AS devices, max(spool_age_s) AS spool_age_s,
  max(abs(clock_offset_s)) AS clock_offset_s
FROM ops.devices GROUP BY 1, 2 ORDER BY 1, 2"""),
            {
                "site": unit("string", title="Sede / Site"),
                "state": unit("string", title="Estado / State"),
                "devices": unit("none", title="Dispositivos / Devices"),
                "spool_age_s": unit("s", title="Cola más antigua / Oldest spooled"),
                "clock_offset_s": unit("s", decimals=1, title="Reloj / Clock"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Requieren atención / Need attention",
            "Dispositivos sin latido, nunca vistos, o con cola de más de una hora. / "
            "Devices without heartbeat, never seen, or with a spool older than an hour.",
            Sql(OPERATIONS, """
SELECT device_id, site, area, station, hostname, state, heartbeat_age_s, spooled, spool_age_s, temperature_c
FROM ops.devices WHERE state IN ('stale', 'never_seen') OR spool_age_s > 3600
ORDER BY site, area, station LIMIT 200"""),
            {
                "device_id": unit("none", title="Id"),
                "heartbeat_age_s": unit("s", decimals=0, title="Último latido / Last heartbeat"),
                "spool_age_s": unit("s", decimals=0, title="Cola / Spool age"),
                "temperature_c": unit("celsius", decimals=0, title="Temperatura / Temperature"),
            },
            width="half",
        )
    )  # fmt: skip


def _books(board: Dashboard) -> None:
    board.with_row(Row("Cuentas / Books"))
    board.with_panel(
        listing(
            "Cuentas que no cierran / Books that do not close",
            "producidos = guardados + rechazados + perdidos + en cola. / "
            "produced = stored + rejected + lost + spooled.",
            Sql(OPERATIONS, """
SELECT device_id, produced, stored, duplicate, rejected, lost, spooled, remainder, heartbeat_at
FROM ops.accounts WHERE remainder <> 0 ORDER BY device_id LIMIT 200"""),
            {
                "device_id": unit("none", title="Id"),
                "remainder": unit("none", title="Resto / Remainder"),
                "heartbeat_at": unit("dateTimeAsLocal", title="Último latido / Last heartbeat"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Cartas muertas / Dead letters",
            "Eventos rechazados por día y motivo. / Refused events by day and reason.",
            Sql(OPERATIONS, """
SELECT day_at, reason, letters, waiting, latest_at FROM ops.dead_letters ORDER BY day_at DESC, reason LIMIT 200"""),
            {
                "day_at": unit("dateTimeAsLocal", title="Día / Day"),
                "reason": unit("string", title="Motivo / Reason"),
                "letters": unit("none", title="Eventos / Events"),
                "waiting": unit("none", title="En espera / Waiting"),
                "latest_at": unit("dateTimeAsLocal", title="Última / Latest"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Tiempo sin atribuir / Unattributed time",
            "Tiempo captado que no se pudo atribuir, y por qué: corrija el cuadrante. / "
            "Captured time that could not be attributed, and why: mend the roster.",
            Sql(OPERATIONS, """
SELECT day_at, reason, windows, hours FROM ops.unattributed
WHERE day_at >= $__timeTo()::timestamptz - interval '28 days' ORDER BY day_at DESC, reason LIMIT 200"""),
            {
                "day_at": unit("dateTimeAsLocal", title="Día / Day"),
                "reason": unit("string", title="Motivo / Reason"),
                "windows": unit("none", title="Ventanas / Windows"),
                "hours": unit("h", decimals=1, title="Horas / Hours"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Particiones / Partitions",
            "Una por día; las filas son la estimación del planificador. / One a day; rows are the planner's estimate.",
            Sql(OPERATIONS, "SELECT name, rows, bytes FROM ops.partitions ORDER BY name DESC LIMIT 60"),
            {
                "name": unit("string", title="Partición / Partition"),
                "rows": unit("none", title="Filas / Rows"),
                "bytes": unit("bytes", title="Tamaño / Size"),
            },
            width="half",
        )
    )  # fmt: skip
