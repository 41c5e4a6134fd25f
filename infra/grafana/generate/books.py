"""The books, for the operator: that what devices produced is stored, refused, reported lost, or still with them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.panels import BAD, STRESS, colour, listing, trend, unit
from grafana.generate.queries import OPERATIONS, Prom, Sql


def add_books(board: Dashboard) -> None:
    board.with_row(Row("Cuentas / Books"))
    board.with_panel(
        trend(
            "Sin explicación / Unaccounted",
            "Eventos que los dispositivos dicen haber hecho y que nadie tiene; debe ser 0. / "
            "Events that devices say they made and nobody has; must be 0.",
            [Prom("max(stressvision_unaccounted_events)", "eventos / events")],
            unit="none", overrides=colour({"eventos / events": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Integridad / Integrity",
            "Eventos con el mismo id y otro contenido, en una hora, y primer eslabón roto de la auditoría; todo 0. / "
            "Events of one id with other content within an hour, and the first broken link of the audit; must be 0.",
            [
                Prom("sum(increase(stressvision_ingest_conflicts_total[1h]))", "conflictos / conflicts"),
                Prom("max(stressvision_audit_broken_place)", "auditoría / audit", ref="B"),
            ],
            unit="short", overrides=colour({"conflictos / conflicts": STRESS, "auditoría / audit": BAD}),
        )
    )  # fmt: skip
    _accounts(board)
    _letters(board)
    _unattributed(board)
    _partitions(board)


def _accounts(board: Dashboard) -> None:
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


def _letters(board: Dashboard) -> None:
    board.with_panel(
        listing(
            "Cartas muertas por día / Dead letters by day",
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


def _unattributed(board: Dashboard) -> None:
    board.with_panel(
        listing(
            "Tiempo sin atribuir / Unattributed time",
            "Tiempo captado que no se pudo atribuir, y por qué: corrija los turnos asignados. / "
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


def _partitions(board: Dashboard) -> None:
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
