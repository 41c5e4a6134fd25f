"""What the dashboards of Human Resources ask: figures of published cells, alone and against the past of their own."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery

from grafana.generate.pages import note
from grafana.generate.panels import FATIGUE, GREY, WITHHELD
from grafana.generate.queries import HR, Sql

DAYS = "shift_date BETWEEN $__timeFrom()::date AND $__timeTo()::date"
SITE_DAYS = f"site IN (${{site:sqlstring}}) AND {DAYS}"
GROUPS = "site IN (${site:sqlstring}) AND area IN (${area:sqlstring}) AND shift IN (${shift:sqlstring})"
GROUP_DAYS = f"{GROUPS} AND {DAYS}"

BAND_DAYS = 28
BAND_LEAST = 7
"""Days that a band is made of, and how many of them must have a figure."""

LOW, HIGH = "banda baja / band low", "banda alta / band high"
NAMES = {"fatigue_share": "cansancio / tiredness", "stress_share": "estrés / stress"}


def weighted(share: str) -> str:
    """The mean of a share over published cells, each weighted by its observed hours; null where none has one."""
    return f"sum({share} * observed_hours) / nullif(sum(observed_hours) FILTER (WHERE {share} IS NOT NULL), 0)"


def before(partition: str = "") -> str:
    """The window of the `BAND_DAYS` days before a day."""
    return (
        f"({partition} ORDER BY shift_date "
        f"RANGE BETWEEN interval '{BAND_DAYS} days' PRECEDING AND interval '1 day' PRECEDING)"
    )


def by_day_in_band(share: str, chosen: str) -> Sql:
    """Each day's share, and the mean ± 2 deviations of the days before it; `chosen` are the cells, of any day."""
    return Sql(HR, f"""
WITH days AS (
  SELECT shift_date, min(day_at) AS day_at, {weighted(share)} AS share FROM hr.group_shifts
  WHERE {chosen} AND shift_date BETWEEN $__timeFrom()::date - {BAND_DAYS} AND $__timeTo()::date
  GROUP BY shift_date
), banded AS (
  SELECT *, avg(share) OVER past AS mean, stddev_samp(share) OVER past AS spread, count(share) OVER past AS days
  FROM days WINDOW past AS {before()}
)
SELECT day_at AS time, share AS "{NAMES[share]}",
  CASE WHEN days >= {BAND_LEAST} THEN greatest(mean - 2 * spread, 0) END AS "{LOW}",
  CASE WHEN days >= {BAND_LEAST} THEN mean + 2 * spread END AS "{HIGH}"
FROM banded WHERE shift_date >= $__timeFrom()::date ORDER BY 1""", series=True)  # fmt: skip


def by_week(chosen: str) -> Sql:
    """Both shares by week, which begins on Monday."""
    return Sql(HR, f"""
SELECT min(day_at) AS time, {weighted("fatigue_share")} AS "{NAMES["fatigue_share"]}",
  {weighted("stress_share")} AS "{NAMES["stress_share"]}"
FROM hr.group_shifts WHERE {chosen} GROUP BY date_trunc('week', shift_date) ORDER BY 1""", series=True)  # fmt: skip


def changes() -> list[AnnotationQuery]:
    """Marks of what can move a figure without anybody being more or less tired."""
    return [
        note(title, paint, HR, f"""
SELECT at AS time, text, kind AS tags FROM hr.annotations
WHERE kind = '{kind}' AND site IN (${{site:sqlstring}}) AND $__timeFilter(at) ORDER BY at""")
        for kind, title, paint in (
            ("roster", "Turnos asignados / Roster", GREY),
            ("policy", "Política / Policy", WITHHELD),
            ("model", "Modelo / Model", FATIGUE),
        )
    ]  # fmt: skip
