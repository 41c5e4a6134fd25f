"""Group trends, for Human Resources: areas, shifts and days of five people or more."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.pages import choice, page
from grafana.generate.panels import (
    COVERAGE,
    FATIGUE,
    GREY,
    STRESS,
    WITHHELD,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.queries import HR, Sql

CHOSEN = """
site IN (${site:sqlstring}) AND area IN (${area:sqlstring}) AND shift IN (${shift:sqlstring})
AND shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date"""

SITE_DAYS = "site IN (${site:sqlstring}) AND shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date"

BASELINE_DAYS = 28


def weighted(share: str) -> str:
    """The mean of a share over published cells, each weighted by its observed hours; null where none has one."""
    return f"sum({share} * observed_hours) / nullif(sum(observed_hours) FILTER (WHERE {share} IS NOT NULL), 0)"


def build() -> Dashboard:
    areas = "SELECT DISTINCT area FROM hr.areas WHERE site IN (${site:sqlstring}) ORDER BY area"
    shifts = "SELECT DISTINCT shift FROM hr.shifts WHERE site IN (${site:sqlstring}) ORDER BY shift"
    return page(
        "groups",
        "Tendencias por grupo / Group trends",
        "Signos aparentes de cansancio y estrés por área, turno y día; grupos de 5 personas o más. / "
        "Apparent signs of tiredness and stress by area, shift and day; groups of 5 people or more.",
        audience="hr",
        since="now-28d",
        choices=[
            choice("site", "Sede / Site", HR, "SELECT site FROM hr.sites ORDER BY site"),
            choice("area", "Área / Area", HR, areas),
            choice("shift", "Turno / Shift", HR, shifts),
        ],
        parts=[_now, _trends, _side_by_side, _data],
        height=11,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("El periodo / The period"))
    board.with_panel(
        figure(
            "Signos de cansancio / Signs of tiredness",
            "Proporción del tiempo observado, celdas publicadas del periodo. / "
            "Share of observed time, published cells of the period.",
            Sql(HR, f"SELECT {weighted('fatigue_share')} AS share FROM hr.group_shifts WHERE {CHOSEN}"),
            unit="percentunit", paint=FATIGUE, decimals=1,
        )
    )  # fmt: skip
    board.with_panel(
        figure(
            "Signos de estrés / Signs of stress",
            "Proporción del tiempo observado, celdas publicadas del periodo. Vacío si el perfil de la sede excluye el "
            "estrés. / Share of observed time, published cells of the period. Empty where the site's profile leaves "
            "stress out.",
            Sql(HR, f"SELECT {weighted('stress_share')} AS share FROM hr.group_shifts WHERE {CHOSEN}"),
            unit="percentunit", paint=STRESS, decimals=1,
        )
    )  # fmt: skip
    board.with_panel(
        figure(
            "Personas-turno (n) / Person-shifts (n)",
            "Cuántas personas × turnos hay detrás de las cifras. / How many people × shifts stand behind the figures.",
            Sql(HR, f"SELECT sum(people) AS n FROM hr.group_shifts WHERE {CHOSEN}"),
            unit="none", decimals=0,
        )
    )  # fmt: skip
    board.with_panel(
        figure(
            "Cobertura / Coverage",
            "Tiempo con rostro utilizable entre tiempo previsto. / Time with a usable face over scheduled time.",
            Sql(HR, f"SELECT {weighted('coverage')} AS coverage FROM hr.group_shifts WHERE {CHOSEN}"),
            unit="percentunit", paint=COVERAGE, decimals=0,
        )
    )  # fmt: skip
    board.with_panel(
        figure(
            "Celdas reservadas / Withheld cells",
            "Proporción de celdas área × turno × día de la sede que no se publican para proteger a grupos pequeños. / "
            "Share of the site's cells area × shift × day not published, to protect small groups.",
            Sql(HR, f"SELECT sum(withheld_cells) / nullif(sum(cells), 0) AS share FROM hr.withheld WHERE {SITE_DAYS}"),
            unit="percentunit", paint=WITHHELD, decimals=0,
        )
    )  # fmt: skip
    board.with_panel(
        figure(
            "Última actualización / Last update",
            "Cuándo se calculó por última vez una celda del periodo. / When a cell of the period was last computed.",
            Sql(HR, f"SELECT extract(epoch FROM max(computed_at)) * 1000 AS at FROM hr.group_shifts WHERE {CHOSEN}"),
            unit="dateTimeFromNow",
        )
    )  # fmt: skip


def _against_baseline(share: str, name: str) -> str:
    return f"""
WITH days AS (
  SELECT shift_date, min(day_at) AS day_at, {weighted(share)} AS share
  FROM hr.group_shifts
  WHERE site IN (${{site:sqlstring}}) AND area IN (${{area:sqlstring}}) AND shift IN (${{shift:sqlstring}})
    AND shift_date BETWEEN $__timeFrom()::date - {BASELINE_DAYS} AND $__timeTo()::date
  GROUP BY shift_date
), banded AS (
  SELECT *, avg(share) OVER before AS mean, stddev_samp(share) OVER before AS spread, count(share) OVER before AS days
  FROM days WINDOW before AS (ORDER BY shift_date ROWS BETWEEN {BASELINE_DAYS} PRECEDING AND 1 PRECEDING)
)
SELECT day_at AS time, share AS "{name}",
  CASE WHEN days >= 7 THEN greatest(mean - 2 * spread, 0) END AS "banda baja / band low",
  CASE WHEN days >= 7 THEN mean + 2 * spread END AS "banda alta / band high"
FROM banded WHERE shift_date >= $__timeFrom()::date ORDER BY 1"""


def _trends(board: Dashboard) -> None:
    board.with_row(Row("Tendencia / Trend"))
    band = colour({"banda baja / band low": GREY, "banda alta / band high": GREY})
    for share, title, name, paint in (
        ("fatigue_share", "Cansancio por día / Tiredness by day", "cansancio / tiredness", FATIGUE),
        ("stress_share", "Estrés por día / Stress by day", "estrés / stress", STRESS),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado; en gris, lo habitual de esta selección (28 días anteriores, si hay 7 "
                "o más). / Share of observed time; in grey, what is usual for this selection (28 days before, if 7 or "
                "more exist).",
                [Sql(HR, _against_baseline(share, name), series=True)],
                unit="percentunit", overrides=colour({name: paint}) | band,
            )
        )  # fmt: skip
    board.with_panel(
        trend(
            "Episodios por hora observada / Episodes per observed hour",
            "Signos sostenidos, por hora con rostro utilizable. / Lasting signs, per hour with a usable face.",
            [Sql(HR, f"""
SELECT min(day_at) AS time,
  {weighted("fatigue_episodes_per_hour")} AS "cansancio / tiredness",
  {weighted("stress_episodes_per_hour")} AS "estrés / stress"
FROM hr.group_shifts WHERE {CHOSEN} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="short", overrides=colour({"cansancio / tiredness": FATIGUE, "estrés / stress": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Cuánto se observó / How much was observed",
            "Cobertura del tiempo previsto (eje 0–100 %). Con poca cobertura, poca conclusión. / "
            "Coverage of the scheduled time. Little coverage, little conclusion.",
            [Sql(HR, f"""
SELECT min(day_at) AS time, {weighted("coverage")} AS "cobertura / coverage"
FROM hr.group_shifts WHERE {CHOSEN} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="percentunit", ratio=True, overrides=colour({"cobertura / coverage": COVERAGE}),
        )
    )  # fmt: skip


def _side_by_side(board: Dashboard) -> None:
    board.with_row(Row("Por sede y turno, en orden alfabético / By site and shift, in alphabetical order"))
    for share, title in (
        ("fatigue_share", "Cansancio por turno / Tiredness by shift"),
        ("stress_share", "Estrés por turno / Stress by shift"),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado. No es una clasificación. / Share of observed time. Not a ranking.",
                [Sql(HR, f"""
SELECT day_at AS time, site || ' · ' || shift AS metric, {weighted(share)} AS value
FROM hr.group_shifts WHERE {CHOSEN} GROUP BY day_at, site, shift ORDER BY 1, 2""", series=True)],
                unit="percentunit",
            )
        )  # fmt: skip
    board.with_panel(
        listing(
            "Áreas y turnos / Areas and shifts",
            "Orden alfabético. «n» son personas × turnos. Lo reservado no aparece. / "
            "Alphabetical. \"n\" counts people × shifts. What is withheld is not listed.",
            Sql(HR, f"""
SELECT site, area, shift, count(*) AS days, sum(people) AS n, sum(observed_hours) AS observed_hours,
  {weighted("coverage")} AS coverage, {weighted("fatigue_share")} AS fatigue, {weighted("stress_share")} AS stress
FROM hr.group_shifts WHERE {CHOSEN} GROUP BY site, area, shift ORDER BY site, area, shift"""),
            {
                "site": unit("string", title="Sede / Site"),
                "area": unit("string", title="Área / Area"),
                "shift": unit("string", title="Turno / Shift"),
                "days": unit("none", title="Días / Days"),
                "n": unit("none", title="n"),
                "observed_hours": unit("h", decimals=0, title="Observado / Observed"),
                "coverage": unit("percentunit", decimals=0, title="Cobertura / Coverage"),
                "fatigue": unit("percentunit", decimals=1, title="Cansancio / Tiredness"),
                "stress": unit("percentunit", decimals=1, title="Estrés / Stress"),
            },
        )
    )  # fmt: skip


def _data(board: Dashboard) -> None:
    board.with_row(Row("Qué no se ve / What is not shown"))
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
            "Modelos / Models",
            "Con qué versión del modelo se obtuvieron las cifras: un cambio de modelo puede cambiar el nivel. / "
            "Which model version the figures come from: a change of model can change the level.",
            Sql(HR, f"""
SELECT model, min(shift_date)::text AS first_day, max(shift_date)::text AS last_day
FROM hr.group_shifts, unnest(model_versions) AS model WHERE {CHOSEN} GROUP BY model ORDER BY 2, 1"""),
            {
                "model": unit("string", title="Modelo / Model"),
                "first_day": unit("string", title="Desde / From"),
                "last_day": unit("string", title="Hasta / To"),
            },
            width="half",
        )
    )  # fmt: skip
