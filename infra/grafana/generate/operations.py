"""Operations: is the platform up, does it keep pace, and do the books of every device close."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.books import add_books
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
from grafana.generate.processes import add_processes, add_publication
from grafana.generate.queries import OPERATIONS, Prom, Sql, quantiles


def build() -> Dashboard:
    return page(
        "operations",
        "Operaciones / Operations",
        "Si la plataforma funciona, va al día y cuadra sus cuentas. / "
        "Whether the platform is up, keeps pace, and its books close.",
        audience="operations",
        since="now-6h",
        refresh="1m",
        parts=[_now, _intake, _rollups, add_publication, add_processes, _devices, add_alerts_to_people, add_books],
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
            ("Alertas que suenan ahora; su página está en docs/runbooks.md. / "
            "Alerts that ring now; their pages are in docs/runbooks.md."),
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
            unit="reqps", overrides=colour({"401": GREY, "422": FATIGUE, "429": COVERAGE, "500": BAD, "503": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Duración de un lote / Duration of a batch",
            "Desde el primer byte hasta el recibo, tras el commit. / From the first byte to the receipt, after commit.",
            quantiles("stressvision_ingest_batch_duration_seconds"),
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
    board.with_panel(
        trend(
            "Rechazados por motivo / Refused by reason",
            "Eventos que fueron a las cartas muertas, por hora. / Events that went to the dead letters, per hour.",
            [Prom("sum by (reason) (increase(stressvision_ingest_rejected_events_total[1h]))", "{{reason}}")],
            unit="short",
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Latidos / Heartbeats",
            "Por segundo, de toda la flota. / Per second, of the whole fleet.",
            [Prom("sum(rate(stressvision_ingest_heartbeats_total[$__rate_interval]))", "latidos / heartbeats")],
            unit="ops", overrides=colour({"latidos / heartbeats": GOOD}),
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
            quantiles("stressvision_rollups_visible_after_seconds"),
            unit="s", overrides=colour({"p50": COVERAGE, "p99": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Espera de la marca más antigua / Wait of the oldest mark",
            "Lo que la pantalla va por detrás. / How far behind the dashboards are.",
            [Prom("max(stressvision_oldest_dirty_window_age_seconds)", "edad / age")],
            unit="s", overrides=colour({"edad / age": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Tandas fallidas / Drains given up",
            "Por causa, en 15 minutos; sus marcas vuelven a la cola. «busy» es normal. / "
            "By cause, within 15 minutes; their marks are back in the queue. \"busy\" is usual.",
            [Prom("sum by (why) (increase(stressvision_rollups_drain_failures_total[15m]))", "{{why}}")],
            unit="short", overrides=colour({"busy": GREY, "database": STRESS, "data": BAD}),
        )
    )  # fmt: skip


def _devices(board: Dashboard) -> None:
    board.with_row(Row("Dispositivos / Devices"))
    board.with_panel(
        trend(
            "Dispositivos por estado / Devices by state",
            "Sin latido durante 5 minutos: «stale». / No heartbeat for 5 minutes: \"stale\".",
            [Prom("max by (state) (stressvision_agents)", "{{state}}")],
            unit="none",
            overrides=colour(
                {"online": GOOD, "stale": BAD, "cloned": BAD, "paused": COVERAGE, "never_seen": GREY}
            ),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Cola de los dispositivos / Spools of devices",
            "Cuánto espera el evento más antiguo en un dispositivo; más de una hora: sin red. / "
            "How long the oldest event has waited on a device; more than an hour: no network.",
            [Prom("max(stressvision_fleet_oldest_spooled_seconds)", "edad / age")],
            unit="s", overrides=colour({"edad / age": STRESS}),
        )
    )  # fmt: skip
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
