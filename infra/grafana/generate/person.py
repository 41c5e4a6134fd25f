"""One person's shifts, for the safety officer: a pseudonym against their own past, never against others."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.pages import choice, page, words
from grafana.generate.panels import (
    COVERAGE,
    FATIGUE,
    GREY,
    STRESS,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.queries import SAFETY, Sql

CHOSEN = """pseudonym = ${person:sqlstring} AND shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date"""


def build() -> Dashboard:
    people = "SELECT pseudonym FROM safety.people WHERE site IN (${site:sqlstring}) ORDER BY pseudonym"
    return page(
        "person",
        "Turnos de una persona / One person's shifts",
        "Un seudónimo frente a su propio pasado, para seguridad y salud, mientras dura una consulta motivada. / "
        "One pseudonym against their own past, for safety and health, while a look for a reason lasts.",
        audience="safety",
        since="now-28d",
        choices=[
            choice("site", "Sede / Site", SAFETY, "SELECT DISTINCT site FROM safety.people ORDER BY site"),
            choice("person", "Seudónimo / Pseudonym", SAFETY, people, several=False),
        ],
        also="hr",
        parts=[_look, _period, _shifts, _within],
        height=9,
    )


def _look(board: Dashboard) -> None:
    board.with_row(Row("La consulta / The look"))
    board.with_panel(
        figure(
            "Consultas abiertas / Open looks",
            "De todos los responsables de seguridad; sin ninguna, nada se ve aquí. / "
            "Of all safety officers; without any, nothing is seen here.",
            Sql(SAFETY, "SELECT count(*) AS looks FROM safety.looks"),
            unit="none", decimals=0, width="quarter",
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Motivo y plazo / Reason and time",
            "De quién, por qué y hasta cuándo; la persona lo ve en sus datos. / "
            "Whose, why and until when; the person sees it among their data.",
            Sql(SAFETY, """
SELECT officer, reason, since, until FROM safety.looks WHERE pseudonym = ${person:sqlstring} ORDER BY since"""),
            {
                "officer": unit("string", title="Responsable / Officer"),
                "reason": unit("string", title="Motivo / Reason"),
                "since": unit("dateTimeAsLocal", title="Desde / Since"),
                "until": unit("dateTimeAsLocal", title="Hasta / Until"),
            },
            width="half", height=4,
        )
    )  # fmt: skip
    board.with_panel(
        words(
            "Cómo abrir una consulta / How to open a look",
            "Sin consulta abierta, los demás paneles están vacíos. / Without an open look the other panels are empty.",
            "open-look",
            width="quarter",
            height=4,
        )
    )


def _within(board: Dashboard) -> None:
    board.with_row(Row("Cinco minutos / Five minutes"))
    board.with_panel(
        trend(
            "Dentro del turno / Within the shift",
            "Proporción de cada cinco minutos observados; elija un día para verlo bien. / "
            "Share of each five observed minutes; choose one day to see it well.",
            [Sql(SAFETY, """
SELECT bucket_at AS time, fatigue_share AS "cansancio / tiredness", stress_share AS "estrés / stress",
  coverage AS "cobertura / coverage"
FROM safety.person_windows WHERE pseudonym = ${person:sqlstring} AND $__timeFilter(bucket_at) ORDER BY 1""",
                 series=True)],
            unit="percentunit", ratio=True, width="whole",
            overrides=colour({
                "cansancio / tiredness": FATIGUE, "estrés / stress": STRESS, "cobertura / coverage": COVERAGE,
            }),
        )
    )  # fmt: skip


def _share(name: str) -> str:
    return f"sum({name} * observed_hours) / nullif(sum(observed_hours) FILTER (WHERE {name} IS NOT NULL), 0)"


def _period(board: Dashboard) -> None:
    board.with_row(Row("El periodo / The period"))
    shifts = f"FROM safety.person_shifts WHERE {CHOSEN}"
    for title, description, statement, kind, paint, decimals in (
        ("Turnos con datos (n) / Shifts with data (n)",
         "Cuántos turnos hay detrás de las cifras. / How many shifts stand behind the figures.",
         f"SELECT nullif(count(fatigue_share), 0) AS n {shifts}", "none", GREY, 0),
        ("Cobertura / Coverage",
         "Tiempo con rostro utilizable entre tiempo previsto. / Time with a usable face over scheduled time.",
         f"SELECT sum(observed_hours) / nullif(sum(scheduled_hours), 0) AS coverage {shifts}",
         "percentunit", COVERAGE, 0),
        ("Signos de cansancio / Signs of tiredness",
         "Proporción del tiempo observado. / Share of observed time.",
         f"SELECT {_share('fatigue_share')} AS share {shifts}", "percentunit", FATIGUE, 1),
        ("Signos de estrés / Signs of stress",
         "Proporción del tiempo observado; vacío sin perfil de estrés. / Share of observed time; empty without stress.",
         f"SELECT {_share('stress_share')} AS share {shifts}", "percentunit", STRESS, 1),
        ("Episodios de cansancio / Episodes of tiredness",
         "Signos sostenidos en el periodo. / Lasting signs in the period.",
         f"SELECT sum(fatigue_episodes) AS episodes {shifts}", "none", FATIGUE, 0),
        ("Última actualización / Last update",
         "Cuándo se calculó por última vez un turno del periodo. / When a shift of the period was last computed.",
         f"SELECT extract(epoch FROM max(computed_at)) * 1000 AS at {shifts}", "dateTimeFromNow", GREY, None),
    ):  # fmt: skip
        board.with_panel(figure(title, description, Sql(SAFETY, statement), unit=kind, paint=paint, decimals=decimals))


def _shifts(board: Dashboard) -> None:
    board.with_row(Row("Por turno / By shift"))
    board.with_panel(
        trend(
            "Signos por turno / Signs by shift",
            "Proporción del tiempo observado de cada turno. / Share of each shift's observed time.",
            [Sql(SAFETY, f"""
SELECT starts_at AS time, fatigue_share AS "cansancio / tiredness", stress_share AS "estrés / stress"
FROM safety.person_shifts WHERE {CHOSEN} ORDER BY 1""", series=True)],
            unit="percentunit", overrides=colour({"cansancio / tiredness": FATIGUE, "estrés / stress": STRESS}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Cobertura por turno / Coverage by shift",
            "Tiempo con rostro utilizable entre tiempo previsto. / Time with a usable face over scheduled time.",
            [Sql(SAFETY, f"""
SELECT starts_at AS time, coverage AS "cobertura / coverage" FROM safety.person_shifts WHERE {CHOSEN} ORDER BY 1""",
                 series=True)],
            unit="percentunit", ratio=True, bars=True, overrides=colour({"cobertura / coverage": COVERAGE}),
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Los turnos / The shifts",
            "Los turnos de esta persona, por fecha. / This person's shifts, by date.",
            Sql(SAFETY, f"""
SELECT shift_date::text AS day, shift, observed_hours, coverage, fatigue_share AS fatigue, stress_share AS stress,
  fatigue_episodes, stress_episodes, state, computed_at
FROM safety.person_shifts WHERE {CHOSEN} ORDER BY starts_at DESC"""),
            {
                "day": unit("string", title="Fecha / Date"),
                "shift": unit("string", title="Turno / Shift"),
                "observed_hours": unit("h", decimals=1, title="Observado / Observed"),
                "coverage": unit("percentunit", decimals=0, title="Cobertura / Coverage"),
                "fatigue": unit("percentunit", decimals=1, title="Cansancio / Tiredness"),
                "stress": unit("percentunit", decimals=1, title="Estrés / Stress"),
                "fatigue_episodes": unit("none", title="Episodios de cansancio / of tiredness"),
                "stress_episodes": unit("none", title="Episodios de estrés / of stress"),
                "state": unit("string", title="Estado / State"),
                "computed_at": unit("dateTimeAsLocal", title="Calculado / Computed"),
            },
        )
    )  # fmt: skip
