"""Shifts and areas, for Human Resources: published cells of five people or more, down to the hour of the shift."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import FieldColorModeId

from grafana.generate.group_figures import (
    GROUP_DAYS,
    GROUPS,
    HIGH,
    LOW,
    NAMES,
    by_day_in_band,
    by_week,
    changes,
    weighted,
)
from grafana.generate.group_panels import add_data, add_reliance, add_summary
from grafana.generate.pages import choice, leads_to, page
from grafana.generate.panels import FATIGUE, GOOD, GREY, STRESS, WITHHELD, bars, colour, heat, listing, trend, unit
from grafana.generate.queries import HR, Sql, lettered

TO_SITE = leads_to("site", "Toda la sede / The whole site")
PAINTS = {NAMES["fatigue_share"]: FATIGUE, NAMES["stress_share"]: STRESS}
WEEKDAYS = ("lun / Mon", "mar / Tue", "mié / Wed", "jue / Thu", "vie / Fri", "sáb / Sat", "dom / Sun")


def build() -> Dashboard:
    areas = "SELECT DISTINCT area FROM hr.areas WHERE site IN (${site:sqlstring}) ORDER BY area"
    shifts = "SELECT DISTINCT shift FROM hr.shifts WHERE site IN (${site:sqlstring}) ORDER BY shift"
    return page(
        "groups",
        "Turnos y áreas / Shifts and areas",
        "Signos aparentes de cansancio y estrés por área, turno, día y hora; grupos de 5 personas o más. / "
        "Apparent signs of tiredness and stress by area, shift, day and hour; groups of 5 people or more.",
        audience="hr",
        since="now-28d",
        choices=[
            choice("site", "Sede / Site", HR, "SELECT site FROM hr.sites ORDER BY site"),
            choice("area", "Área / Area", HR, areas),
            choice("shift", "Turno / Shift", HR, shifts),
        ],
        annotations=changes(),
        parts=[_now, _trends, _hours, _side_by_side, _others, _data],
        height=12,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("El periodo / The period"))
    add_summary(board, GROUP_DAYS)


def _trends(board: Dashboard) -> None:
    board.with_row(Row("Por día y semana / By day and week"))
    for share, title in (
        ("fatigue_share", "Cansancio por día / Tiredness by day"),
        ("stress_share", "Estrés por día / Stress by day"),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado; en gris, lo habitual de esta selección (28 días anteriores, si hay 7 "
                "o más). / Share of observed time; in grey, what is usual for this selection (28 days before, if 7 or "
                "more exist).",
                [by_day_in_band(share, GROUPS)],
                unit="percentunit",
                overrides=colour({**PAINTS, LOW: GREY, HIGH: GREY}),
            ).links([TO_SITE])
        )
    board.with_panel(
        trend(
            "Por semana / By week",
            "Proporción del tiempo observado, semanas desde el lunes; la última puede estar incompleta. / "
            "Share of observed time, weeks from Monday; the last may not be over.",
            [by_week(GROUP_DAYS)],
            unit="percentunit", bars=True, overrides=colour(PAINTS),
        )
    )  # fmt: skip
    add_reliance(board, GROUP_DAYS)
    board.with_panel(
        trend(
            "Episodios por hora observada / Episodes per observed hour",
            "Signos sostenidos, por hora con rostro utilizable. / Lasting signs, per hour with a usable face.",
            [Sql(HR, f"""
SELECT min(day_at) AS time,
  {weighted("fatigue_episodes_per_hour")} AS "{NAMES["fatigue_share"]}",
  {weighted("stress_episodes_per_hour")} AS "{NAMES["stress_share"]}"
FROM hr.group_shifts WHERE {GROUP_DAYS} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="short", width="whole", overrides=colour(PAINTS),
        )
    )  # fmt: skip


def _hours(board: Dashboard) -> None:
    board.with_row(Row("Por hora / By hour"))
    for share, title, scheme in (
        ("fatigue_share", "Cansancio: hora × día / Tiredness: hour × weekday", FieldColorModeId.CONTINUOUS_BLUES),
        ("stress_share", "Estrés: hora × día / Stress: hour × weekday", FieldColorModeId.CONTINUOUS_PURPLES),
    ):
        columns = ",\n".join(
            f'  max(share) FILTER (WHERE weekday = {day}) AS "{name}"' for day, name in enumerate(WEEKDAYS, start=1)
        )
        board.with_panel(
            heat(
                title,
                "Proporción del tiempo observado, más oscuro es más; hora local, día en que empezó el turno. Un punto: "
                "no publicado. / Share of observed time, darker is more; local hour, day on which the shift began. A "
                "point: not published.",
                Sql(
                    HR,
                    f"""
WITH cells AS (
  SELECT local_hour, weekday, {weighted(share)} AS share
  FROM hr.group_hours WHERE {GROUP_DAYS} GROUP BY local_hour, weekday
)
SELECT lpad(local_hour::text, 2, '0') || ':00' AS hour,
{columns}
FROM cells GROUP BY local_hour ORDER BY local_hour""",
                ),
                unit="percentunit",
                scheme=scheme,
                rows={"hour": unit("string", title="Hora / Hour")},
            )
        )
    board.with_panel(
        bars(
            "Por hora del turno / By hour of the shift",
            "Proporción del tiempo observado desde que empieza el turno. / "
            "Share of observed time since the shift began.",
            Sql(HR, f"""
SELECT (hour_of_shift + 1)::text || 'ª h' AS hour, {weighted("fatigue_share")} AS "{NAMES["fatigue_share"]}",
  {weighted("stress_share")} AS "{NAMES["stress_share"]}"
FROM hr.group_hours WHERE {GROUP_DAYS} GROUP BY hour_of_shift ORDER BY hour_of_shift"""),
            across="hour", unit="percentunit", overrides=colour(PAINTS),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Horas por día / Hours per day",
            "De celdas publicadas: horas publicadas y reservadas. / Of published cells: hours published and withheld.",
            [Sql(HR, """
SELECT min(day_at) AS time, sum(hour_cells - withheld_hour_cells) AS "publicadas / published",
  sum(withheld_hour_cells) AS "reservadas / withheld"
FROM hr.withheld
WHERE site IN (${site:sqlstring}) AND shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date
GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="none", bars=True,
            overrides=colour({"publicadas / published": FATIGUE, "reservadas / withheld": WITHHELD}),
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
SELECT day_at AS time, {lettered("site || ' · ' || shift", "site, shift")}, {weighted(share)} AS value
FROM hr.group_shifts WHERE {GROUP_DAYS} GROUP BY day_at, site, shift ORDER BY 1, 2""", series=True)],
                unit="percentunit", lettered=True,
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
FROM hr.group_shifts WHERE {GROUP_DAYS} GROUP BY site, area, shift ORDER BY site, area, shift"""),
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


def _others(board: Dashboard) -> None:
    board.with_row(Row('Sólo con el perfil «full» / With the profile "full" alone'))
    board.with_panel(
        trend(
            "Otras expresiones / Other expressions",
            "Proporción del tiempo observado con expresión aparente triste o alegre; vacío con los demás perfiles. / "
            "Share of observed time with an apparent sad or happy expression; empty with the other profiles.",
            [Sql(HR, f"""
SELECT min(day_at) AS time, {weighted("sad_share")} AS "triste / sad", {weighted("happy_share")} AS "alegre / happy"
FROM hr.group_shifts WHERE {GROUP_DAYS} GROUP BY shift_date ORDER BY 1""", series=True)],
            unit="percentunit", width="whole", overrides=colour({"triste / sad": GREY, "alegre / happy": GOOD}),
        )
    )  # fmt: skip


def _data(board: Dashboard) -> None:
    board.with_row(Row("Qué no se ve / What is not shown"))
    add_data(board, GROUP_DAYS)
