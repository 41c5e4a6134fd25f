"""Fleet: how each device is, what it runs, and how far a new model has come."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.pages import choice, page
from grafana.generate.panels import (
    BAD,
    COVERAGE,
    GOOD,
    GREY,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.quality import rollouts
from grafana.generate.queries import OPERATIONS, Prom, Sql

SITE = "coalesce(site, '—') IN (${site:sqlstring})"


def build() -> Dashboard:
    sites = "SELECT DISTINCT coalesce(site, '—') FROM ops.devices ORDER BY 1"
    return page(
        "fleet",
        "Flota / Fleet",
        "Cómo está cada dispositivo, qué ejecuta y cómo va un modelo nuevo. / "
        "How each device is, what it runs, and how a new model comes along.",
        audience="operations",
        since="now-24h",
        refresh="1m",
        choices=[choice("site", "Sede / Site", OPERATIONS, sites)],
        annotations=rollouts(),
        parts=[_now, _devices, _versions, _rollouts],
        height=6,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("Ahora / Now"))
    for title, description, what, kind, limit in (
        ("En línea / Online", "Con latido en 5 minutos. / With a heartbeat within 5 minutes.",
         "count(*) FILTER (WHERE state = 'online')", "none", None),
        ("Sin latido / Stale", "Sin latido durante 5 minutos. / No heartbeat for 5 minutes.",
         "count(*) FILTER (WHERE state = 'stale')", "none", 1),
        ("Clave duplicada / Cloned", "Dos máquinas con una clave. / Two machines with one key.",
         "count(*) FILTER (WHERE state = 'cloned')", "none", 1),
        ("Frenados / Throttled", "Por calor o mala alimentación. / By heat or a weak supply.",
         "count(*) FILTER (WHERE throttled AND state <> 'revoked')", "none", 1),
        ("Cola más antigua / Oldest spool", "Cuánto espera el evento más antiguo. / How long the oldest event waits.",
         "max(spool_age_s) FILTER (WHERE state <> 'revoked' AND spooled > 0)", "s", 3600),
        ("Reloj / Clock", "El reloj más desviado. / The clock that is furthest off.",
         "max(abs(clock_offset_s)) FILTER (WHERE state IN ('online', 'paused'))", "s", 60),
    ):  # fmt: skip
        query = Sql(OPERATIONS, f"SELECT {what} AS figure FROM ops.devices WHERE {SITE}")
        board.with_panel(figure(title, description, query, unit=kind, decimals=0, paint=GOOD, alarm_above=limit))


def _devices(board: Dashboard) -> None:
    board.with_row(Row("Dispositivos / Devices"))
    board.with_panel(
        listing(
            "Dispositivos / Devices",
            "Los que peor están primero. / The worst first.",
            Sql(OPERATIONS, f"""
SELECT device_id, state, name, site, area, station, agent_version, model_version, heartbeat_age_s, spooled,
  spool_age_s, temperature_c, throttled, coverage, inference_p95_s, clock_offset_s
FROM ops.devices WHERE state <> 'revoked' AND {SITE}
ORDER BY array_position(ARRAY['cloned', 'stale', 'never_seen', 'paused', 'online'], state), name, device_id
LIMIT 500"""),
            {
                "device_id": unit("none", title="Id"),
                "state": unit("string", title="Estado / State"),
                "name": unit("string", title="Nombre / Name"),
                "site": unit("string", title="Sede / Site"),
                "area": unit("string", title="Área / Area"),
                "station": unit("string", title="Puesto / Station"),
                "agent_version": unit("string", title="Agente / Agent"),
                "model_version": unit("string", title="Modelo / Model"),
                "heartbeat_age_s": unit("s", decimals=0, title="Último latido / Last heartbeat"),
                "spooled": unit("none", title="En cola / Spooled"),
                "spool_age_s": unit("s", decimals=0, title="Desde hace / Spool age"),
                "temperature_c": unit("celsius", decimals=0, title="Temperatura / Temperature"),
                "throttled": unit("bool_yes_no", title="Frenado / Throttled"),
                "coverage": unit("percentunit", decimals=0, title="Con rostro / Seeing"),
                "inference_p95_s": unit("s", title="p95"),
                "clock_offset_s": unit("s", decimals=1, title="Reloj / Clock"),
            },
        )
    )  # fmt: skip


def _versions(board: Dashboard) -> None:
    board.with_row(Row("Versiones / Versions"))
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
    for kind, title in (("model", "Modelos / Models"), ("agent", "Agentes / Agents")):
        board.with_panel(
            listing(
                title,
                "Dispositivos por versión, según su último latido. / Devices by version, as of their last heartbeat.",
                Sql(OPERATIONS, f"""
SELECT coalesce({kind}_version, '—') AS version, count(*) AS devices,
  count(*) FILTER (WHERE state = 'online') AS online
FROM ops.devices WHERE state <> 'revoked' AND {SITE} GROUP BY 1 ORDER BY 2 DESC, 1"""),
                {
                    "version": unit("string", title="Versión / Version"),
                    "devices": unit("none", title="Dispositivos / Devices"),
                    "online": unit("none", title="En línea / Online"),
                },
                width="quarter",
            )
        )  # fmt: skip


def _rollouts(board: Dashboard) -> None:
    board.with_row(Row("Despliegues / Rollouts"))
    board.with_panel(
        trend(
            "Dispositivos del despliegue / Devices of the rollout",
            "Del último que empezó. / Of the newest one begun.",
            [Prom("max by (state) (stressvision_rollout_devices)", "{{state}}")],
            unit="none",
            overrides=colour({"confirmed": GOOD, "waiting": GREY, "rejected": BAD, "reverted": BAD, "lost": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Despliegues / Rollouts",
            "Los últimos; uno que encuentra un daño se detiene solo y vuelve atrás. / "
            "The latest; one that finds harm halts by itself and goes back.",
            Sql(OPERATIONS, """
SELECT rollout_id, version, state, stage + 1 AS stage, devices, under_way, confirmed, refused, lost, reason, state_at
FROM ops.rollouts ORDER BY rollout_id DESC LIMIT 50"""),
            {
                "rollout_id": unit("none", title="Id"),
                "version": unit("string", title="Modelo / Model"),
                "state": unit("string", title="Estado / State"),
                "stage": unit("none", title="Etapa / Stage"),
                "devices": unit("none", title="Dispositivos / Devices"),
                "under_way": unit("none", title="En curso / Under way"),
                "confirmed": unit("none", title="Confirmados / Confirmed"),
                "refused": unit("none", title="Rechazados / Refused"),
                "lost": unit("none", title="Perdidos / Lost"),
                "reason": unit("string", title="Motivo / Reason"),
                "state_at": unit("dateTimeAsLocal", title="Desde / Since"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Dispositivos que se apartan / Devices that stand out",
            "Del último despliegue: rechazado, revertido, perdido o aún en curso. / "
            "Of the newest rollout: rejected, reverted, lost, or still under way.",
            Sql(OPERATIONS, """
SELECT device_id, name, stage + 1 AS stage, state, reason, state_at, deadline_at, model_version, heartbeat_at
FROM ops.rollout_devices
WHERE rollout_id = (SELECT max(rollout_id) FROM ops.rollouts WHERE started_at IS NOT NULL)
  AND state NOT IN ('waiting', 'confirmed')
ORDER BY array_position(ARRAY['rejected', 'reverted', 'lost'], state) NULLS LAST, state_at, device_id LIMIT 200"""),
            {
                "device_id": unit("none", title="Id"),
                "name": unit("string", title="Nombre / Name"),
                "stage": unit("none", title="Etapa / Stage"),
                "state": unit("string", title="Estado / State"),
                "reason": unit("string", title="Motivo / Reason"),
                "state_at": unit("dateTimeAsLocal", title="Desde / Since"),
                "deadline_at": unit("dateTimeAsLocal", title="Plazo / Deadline"),
                "model_version": unit("string", title="Ejecuta / Runs"),
                "heartbeat_at": unit("dateTimeAsLocal", title="Último latido / Last heartbeat"),
            },
        )
    )  # fmt: skip
