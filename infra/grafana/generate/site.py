"""One site, for Human Resources: by day and week against its own past, and by shift."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.group_figures import HIGH, LOW, NAMES, SITE_DAYS, by_day_in_band, by_week, changes, weighted
from grafana.generate.group_panels import add_data, add_reliance, add_summary
from grafana.generate.pages import choice, leads_to, page
from grafana.generate.panels import FATIGUE, GREY, STRESS, colour, trend
from grafana.generate.queries import HR, Sql, lettered

SITE = "site IN (${site:sqlstring})"
TO_GROUPS = leads_to("groups", "Por área y turno / By area and shift")


def build() -> Dashboard:
    return page(
        "site",
        "Una sede / One site",
        "Signos aparentes de cansancio y estrés de una sede, por día, semana y turno, frente a su propio pasado. / "
        "Apparent signs of tiredness and stress at one site, by day, week and shift, against its own past.",
        audience="hr",
        since="now-28d",
        choices=[choice("site", "Sede / Site", HR, "SELECT site FROM hr.sites ORDER BY site", several=False)],
        annotations=changes(),
        parts=[_now, _days, _weeks, _shifts, _data],
        height=8,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("El periodo / The period"))
    add_summary(board, SITE_DAYS)


def _days(board: Dashboard) -> None:
    board.with_row(Row("Por día, frente a sus 28 días anteriores / By day, against its 28 days before"))
    for share, title, paint in (
        ("fatigue_share", "Cansancio por día / Tiredness by day", FATIGUE),
        ("stress_share", "Estrés por día / Stress by day", STRESS),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado; en gris, lo habitual de la sede (si hay 7 días o más). / "
                "Share of observed time; in grey, what is usual for the site (if there are 7 days or more).",
                [by_day_in_band(share, SITE)],
                unit="percentunit",
                overrides=colour({NAMES[share]: paint, LOW: GREY, HIGH: GREY}),
            ).links([TO_GROUPS])
        )


def _weeks(board: Dashboard) -> None:
    board.with_row(Row("Por semana / By week"))
    board.with_panel(
        trend(
            "Por semana / By week",
            "Proporción del tiempo observado, semanas desde el lunes; la última puede estar incompleta. / "
            "Share of observed time, weeks from Monday; the last may not be over.",
            [by_week(SITE_DAYS)],
            unit="percentunit", bars=True,
            overrides=colour({NAMES["fatigue_share"]: FATIGUE, NAMES["stress_share"]: STRESS}),
        ).links([TO_GROUPS])
    )  # fmt: skip
    add_reliance(board, SITE_DAYS)


def _shifts(board: Dashboard) -> None:
    board.with_row(Row("Por turno, en orden alfabético / By shift, in alphabetical order"))
    for share, title in (
        ("fatigue_share", "Cansancio por turno / Tiredness by shift"),
        ("stress_share", "Estrés por turno / Stress by shift"),
    ):
        board.with_panel(
            trend(
                title,
                "Proporción del tiempo observado. No es una clasificación. / Share of observed time. Not a ranking.",
                [Sql(HR, f"""
SELECT day_at AS time, {lettered("shift", "shift")}, {weighted(share)} AS value
FROM hr.group_shifts WHERE {SITE_DAYS} GROUP BY day_at, shift ORDER BY 1, 2""", series=True)],
                unit="percentunit", lettered=True,
            ).links([TO_GROUPS])
        )  # fmt: skip


def _data(board: Dashboard) -> None:
    board.with_row(Row("Qué no se ve / What is not shown"))
    add_data(board, SITE_DAYS)
