"""Home, for Human Resources: is any site beyond what is usual for itself, and can the figures be relied on?"""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.group_figures import BAND_DAYS, BAND_LEAST, before, weighted
from grafana.generate.pages import page
from grafana.generate.panels import COVERAGE, GREY, STRESS, WITHHELD, figure, leading, listing, trend, unit
from grafana.generate.queries import HR, Sql, lettered

WEEK = "shift_date BETWEEN $__timeTo()::date - 6 AND $__timeTo()::date"

_BANDED = f"""
WITH days AS (
  SELECT site, shift_date, sum(people) AS n, {weighted("coverage")} AS coverage,
    {weighted("fatigue_share")} AS fatigue, {weighted("stress_share")} AS stress
  FROM hr.group_shifts WHERE shift_date BETWEEN $__timeTo()::date - {BAND_DAYS + 7} AND $__timeTo()::date
  GROUP BY site, shift_date
), banded AS (
  SELECT *, max(shift_date) OVER (PARTITION BY site) AS newest,
    CASE WHEN count(fatigue) OVER past >= {BAND_LEAST} THEN greatest(avg(fatigue) OVER past - 2 * stddev_samp(fatigue) OVER past, 0) END AS low,
    CASE WHEN count(fatigue) OVER past >= {BAND_LEAST} THEN avg(fatigue) OVER past + 2 * stddev_samp(fatigue) OVER past END AS high
  FROM days WINDOW past AS {before("PARTITION BY site")}
)"""  # noqa: E501


def build() -> Dashboard:
    return page(
        "home",
        "Inicio / Home",
        "Cómo está cada sede frente a lo que es habitual en ella. / How each site is, against what is usual for it.",
        audience="hr",
        since="now-28d",
        parts=[_now, _sites, _days],
        height=8,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("Esta semana / This week"))
    beyond = f"{_BANDED} SELECT count(*) FILTER (WHERE fatigue > high) AS sites FROM banded WHERE shift_date = newest"
    withheld = f"SELECT sum(withheld_cells) / nullif(sum(cells), 0) AS share FROM hr.withheld WHERE {WEEK}"
    for title, description, statement, kind, paint in (
        ("Sedes con más de lo habitual / Sites above usual",
         ("Cuyo último día publicado tiene más signos de cansancio que su propia banda de 28 días. / "
         "Whose newest published day has more signs of tiredness than its own 28-day band."),
         beyond, "none", STRESS),
        ("Cobertura / Coverage",
         ("Tiempo con rostro utilizable entre tiempo previsto, en 7 días. / "
         "Time with a usable face over scheduled time, within 7 days."),
         f"SELECT {weighted('coverage')} AS coverage FROM hr.group_shifts WHERE {WEEK}", "percentunit", COVERAGE),
        ("Celdas reservadas / Withheld cells",
         ("Parte de las celdas de 7 días que no se publica, para proteger a grupos pequeños. / "
         "Share of the cells of 7 days that is not published, to protect small groups."),
         withheld, "percentunit", WITHHELD),
        ("Días por publicar / Days to be published",
         ("Días terminados que aún no se publican, en la sede que más espera. / "
         "Days that are over and not yet published, at the site that waits longest."),
         "SELECT max(pending_days) AS days FROM hr.freshness", "none", GREY),
    ):  # fmt: skip
        board.with_panel(
            figure(title, description, Sql(HR, statement), unit=kind, paint=paint, decimals=0, width="quarter")
        )


def _sites(board: Dashboard) -> None:
    board.with_panel(
        listing(
            "Cada sede frente a sí misma / Each site against itself",
            "Por orden alfabético. Elija una sede para verla. / In alphabetical order. Choose a site to look at it.",
            Sql(HR, f"""
{_BANDED}, weeks AS (
  SELECT site, {weighted("fatigue_share")} AS fatigue, {weighted("stress_share")} AS stress,
    {weighted("coverage")} AS coverage, sum(people) AS n
  FROM hr.group_shifts WHERE {WEEK} GROUP BY site
), withheld AS (
  SELECT site, sum(withheld_cells) / nullif(sum(cells), 0) AS share FROM hr.withheld WHERE {WEEK} GROUP BY site
)
SELECT s.site, CASE WHEN d.fatigue > d.high THEN 'más de lo habitual / more than usual'
    WHEN d.fatigue < d.low THEN 'menos de lo habitual / less than usual'
    WHEN d.high IS NOT NULL AND d.fatigue IS NOT NULL THEN 'lo habitual / as usual' END AS verdict,
  d.fatigue AS day, d.low, d.high,
  (SELECT count(*) FILTER (WHERE b.fatigue > b.high) FROM banded b
   WHERE b.site = s.site AND b.shift_date > d.newest - 7) AS days_above,
  w.fatigue AS week_fatigue, w.stress AS week_stress, w.coverage, w.n, h.share AS withheld,
  f.published_until::text AS published_until, f.pending_days
FROM hr.sites s
LEFT JOIN banded d ON d.site = s.site AND d.shift_date = d.newest
LEFT JOIN weeks w ON w.site = s.site
LEFT JOIN withheld h ON h.site = s.site
LEFT JOIN hr.freshness f ON f.site_id = s.site_id
ORDER BY s.site"""),
            {
                "site": leading("site", "Sede / Site"),
                "verdict": unit("string", title="Último día publicado / Newest published day"),
                "day": unit("percentunit", decimals=1, title="Cansancio ese día / Tiredness that day"),
                "low": unit("percentunit", decimals=1, title="Habitual desde / Usual from"),
                "high": unit("percentunit", decimals=1, title="hasta / to"),
                "days_above": unit("none", title="Días por encima, de 7 / Days above, of 7"),
                "week_fatigue": unit("percentunit", decimals=1, title="Cansancio, 7 días / Tiredness, 7 days"),
                "week_stress": unit("percentunit", decimals=1, title="Estrés, 7 días / Stress, 7 days"),
                "coverage": unit("percentunit", decimals=0, title="Cobertura / Coverage"),
                "n": unit("none", title="n"),
                "withheld": unit("percentunit", decimals=0, title="Reservadas / Withheld"),
                "published_until": unit("string", title="Publicado hasta / Published until"),
                "pending_days": unit("none", title="Por publicar / Pending"),
            },
        )
    )  # fmt: skip


def _days(board: Dashboard) -> None:
    board.with_row(Row("Por día / By day"))
    for share, title in (
        ("fatigue_share", "Cansancio por sede / Tiredness by site"),
        ("stress_share", "Estrés por sede / Stress by site"),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado; una sede se compara consigo misma. / "
                "Share of observed time; a site is compared with itself.",
                [Sql(HR, f"""
SELECT day_at AS time, {lettered("site", "site")}, {weighted(share)} AS value FROM hr.group_shifts
WHERE shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date GROUP BY day_at, site ORDER BY 1, 2""",
                     series=True)],
                unit="percentunit", lettered=True,
            )
        )  # fmt: skip
    board.with_panel(
        trend(
            "Cobertura por sede / Coverage by site",
            "Tiempo con rostro utilizable entre tiempo previsto. / Time with a usable face over scheduled time.",
            [Sql(HR, f"""
SELECT day_at AS time, {lettered("site", "site")}, {weighted("coverage")} AS value FROM hr.group_shifts
WHERE shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date GROUP BY day_at, site ORDER BY 1, 2""",
                 series=True)],
            unit="percentunit", ratio=True, lettered=True,
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Reservadas por sede / Withheld by site",
            "Parte de las celdas del día que no se publica. / Share of the day's cells that is not published.",
            [Sql(HR, f"""
SELECT day_at AS time, {lettered("site", "site")}, withheld_cells::float / nullif(cells, 0) AS value FROM hr.withheld
WHERE shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date ORDER BY 1, 2""", series=True)],
            unit="percentunit", ratio=True, lettered=True,
        )
    )  # fmt: skip
