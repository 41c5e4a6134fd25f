"""Panels that the pages of Human Resources share: the period in figures, how far to rely on them, what is not shown."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana.generate.group_figures import SITE_DAYS, weighted
from grafana.generate.panels import COVERAGE, FATIGUE, GREY, STRESS, WITHHELD, colour, figure, listing, trend, unit
from grafana.generate.queries import HR, Sql


def add_summary(board: Dashboard, chosen: str) -> None:
    """Six figures of the published cells that `chosen` names: both shares, and what to judge them by."""
    cells = f"FROM hr.group_shifts WHERE {chosen}"
    for title, description, statement, kind, paint, decimals in (
        ("Signos de cansancio / Signs of tiredness",
         ("Proporción del tiempo observado, celdas publicadas del periodo. / "
         "Share of observed time, published cells of the period."),
         f"SELECT {weighted('fatigue_share')} AS share {cells}", "percentunit", FATIGUE, 1),
        ("Signos de estrés / Signs of stress",
         ("Proporción del tiempo observado, celdas publicadas del periodo. Vacío si el perfil de la sede excluye el "
         "estrés. / Share of observed time, published cells of the period. Empty where the site's profile leaves "
         "stress out."),
         f"SELECT {weighted('stress_share')} AS share {cells}", "percentunit", STRESS, 1),
        ("Personas-turno (n) / Person-shifts (n)",
         "Cuántas personas × turnos hay detrás de las cifras. / How many people × shifts stand behind the figures.",
         f"SELECT sum(people) AS n {cells}", "none", GREY, 0),
        ("Cobertura / Coverage",
         "Tiempo con rostro utilizable entre tiempo previsto. / Time with a usable face over scheduled time.",
         f"SELECT {weighted('coverage')} AS coverage {cells}", "percentunit", COVERAGE, 0),
        ("Celdas reservadas / Withheld cells",
         ("Parte de las celdas área × turno × día de la sede que no se publica, para proteger a grupos pequeños. / "
         "Share of the site's cells area × shift × day that is not published, to protect small groups."),
         f"SELECT sum(withheld_cells) / nullif(sum(cells), 0) AS share FROM hr.withheld WHERE {SITE_DAYS}",
         "percentunit", WITHHELD, 0),
        ("Publicado hasta / Published until",
         ("Último día publicado de la sede; lo publicado no cambia después. / "
         "The site's newest published day; what is published does not change afterwards."),
         ("SELECT extract(epoch FROM min(published_until)::timestamp) * 1000 AS at FROM hr.freshness "
         "WHERE site IN (${site:sqlstring})"), "dateTimeFromNow", GREY, None),
    ):  # fmt: skip
        board.with_panel(figure(title, description, Sql(HR, statement), unit=kind, paint=paint, decimals=decimals))


def add_reliance(board: Dashboard, chosen: str) -> None:
    """Coverage by day."""
    board.with_panel(
        trend(
            "Cuánto se observó / How much was observed",
            "Cobertura del tiempo previsto (eje 0–100 %). Con poca cobertura, poca conclusión. / "
            "Coverage of the scheduled time (axis 0–100 %). Little coverage, little conclusion.",
            [Sql(HR, f"""
SELECT min(day_at) AS time, {weighted("coverage")} AS "cobertura / coverage"
FROM hr.group_shifts WHERE {chosen} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="percentunit", ratio=True, overrides=colour({"cobertura / coverage": COVERAGE}),
        )
    )  # fmt: skip


def add_data(board: Dashboard, chosen: str) -> None:
    """What is withheld, how fresh the figures are, and which models they come from."""
    board.with_panel(
        trend(
            "Celdas por día / Cells per day",
            "Celdas área × turno publicadas, con datos insuficientes y reservadas. / "
            "Cells area × shift published, too thinly observed, and withheld.",
            [Sql(HR, f"""
SELECT min(day_at) AS time, sum(cells - withheld_cells - thin_cells) AS "publicadas / published",
  sum(thin_cells) AS "datos insuficientes / not enough data", sum(withheld_cells) AS "reservadas / withheld"
FROM hr.withheld WHERE {SITE_DAYS} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="none", bars=True,
            overrides=colour({
                "publicadas / published": FATIGUE,
                "datos insuficientes / not enough data": GREY,
                "reservadas / withheld": WITHHELD,
            }),
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Actualidad / Freshness",
            "Hasta qué día se ha publicado y cuántos días terminados faltan. / "
            "Until which day figures are published, and how many days that are over are missing.",
            Sql(HR, """
SELECT site, published_until::text AS published_until, published_at, pending_days FROM hr.freshness
WHERE site IN (${site:sqlstring}) ORDER BY site"""),
            {
                "site": unit("string", title="Sede / Site"),
                "published_until": unit("string", title="Publicado hasta / Published until"),
                "published_at": unit("dateTimeAsLocal", title="Publicado el / Published at"),
                "pending_days": unit("none", title="Por publicar / Pending"),
            },
            width="quarter",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Modelos / Models",
            "Con qué versión del modelo se obtuvieron las cifras: un cambio de modelo puede cambiar el nivel. / "
            "Which model version the figures come from: a change of model can change the level.",
            Sql(HR, f"""
SELECT model, min(shift_date)::text AS first_day, max(shift_date)::text AS last_day
FROM hr.group_shifts, unnest(model_versions) AS model WHERE {chosen} GROUP BY model ORDER BY 2, 1"""),
            {
                "model": unit("string", title="Modelo / Model"),
                "first_day": unit("string", title="Desde / From"),
                "last_day": unit("string", title="Hasta / To"),
            },
            width="quarter",
        )
    )  # fmt: skip
