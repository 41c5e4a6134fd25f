"""Alerts to people, for the operator: do messages go out, how soon, and how often was the rule right."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.panels import BAD, COVERAGE, FATIGUE, GREY, STRESS, colour, listing, trend, unit
from grafana.generate.queries import OPERATIONS, Prom, Sql

_RULES = """
SELECT rule, alerts, suppressed, acknowledged, judged, CASE WHEN judged >= 20 THEN p END AS right_share,
  CASE WHEN judged >= 20 THEN (p + 1.9207 / n - spread) / (1 + 3.8415 / n) END AS low,
  CASE WHEN judged >= 20 THEN (p + 1.9207 / n + spread) / (1 + 3.8415 / n) END AS high
FROM (
  SELECT *, 1.96 * sqrt(p * (1 - p) / n + 0.9604 / n ^ 2) AS spread
  FROM (
    SELECT rule || ' ' || rule_version AS rule, alerts, suppressed,
      acknowledged::float / nullif(alerts, 0) AS acknowledged,
      right_ones + wrong_ones AS judged, greatest(right_ones + wrong_ones, 1)::float AS n,
      right_ones::float / greatest(right_ones + wrong_ones, 1) AS p
    FROM ops.alert_rules
  ) counted
) judged ORDER BY 1 LIMIT 50"""
"""With Wilson's 95 % interval."""


def add_alerts_to_people(board: Dashboard) -> None:
    board.with_row(Row("Avisos a personas / Alerts to people"))
    board.with_panel(
        trend(
            "Avisos de cansancio / Alerts of tiredness",
            "Por lo que pasó con ellos: «told» se envió; los demás no, y por qué. / "
            "By what became of them: told was sent; the others were not, and why.",
            [Prom("sum by (why) (increase(stressvision_alerts_raised_total[$__rate_interval]))", "{{why}}")],
            unit="short", overrides=colour({"told": FATIGUE}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Mensajes / Messages",
            "Enviados, fallidos (se repiten) y abandonados. / Sent, failed (tried again) and given up.",
            [
                Prom(
                    "sum by (outcome) (increase(stressvision_alert_notifications_total[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="short", overrides=colour({"sent": COVERAGE, "failed": GREY, "gave_up": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Hasta que alguien lo sabe / Until somebody is told",
            "Desde que llega el episodio hasta que sale el mensaje, percentil 99; el límite son 10 s. / "
            "From the episode's arrival to the message that went out, 99th percentile; the bar is 10 s.",
            [
                Prom(
                    "histogram_quantile(0.99, "
                    "sum by (le) (rate(stressvision_alert_notice_seconds_bucket[$__rate_interval])))",
                    "p99",
                )
            ],
            unit="s", overrides=colour({"p99": COVERAGE}),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Sin respuesta, sin informe / Without answer, without report",
            "Avisos que nadie cerró en un día e informes que no se pudieron hacer, por día. / "
            "Alerts that nobody closed in a day, and reports that could not be made, by day.",
            [
                Prom("sum(increase(stressvision_alerts_forgotten_total[1d]))", "avisos / alerts"),
                Prom("sum(increase(stressvision_reports_failed_total[1d]))", "informes / reports", ref="B"),
            ],
            unit="short", overrides=colour({"avisos / alerts": STRESS, "informes / reports": BAD}),
        )
    )  # fmt: skip
    board.with_panel(
        listing(
            "Aciertos de la regla / How often the rule was right",
            "Una pausa tomada cuenta como acierto. Con menos de 20 veredictos no hay datos suficientes. / "
            "A break taken counts as right. With fewer than 20 verdicts there is not enough data.",
            Sql(OPERATIONS, _RULES),
            {
                "rule": unit("string", title="Regla / Rule"),
                "alerts": unit("none", title="Avisos / Alerts"),
                "suppressed": unit("none", title="No enviados / Suppressed"),
                "acknowledged": unit("percentunit", decimals=0, title="Atendidos / Acknowledged"),
                "judged": unit("none", title="Con veredicto / Judged"),
                "right_share": unit("percentunit", decimals=0, title="Aciertos / Right"),
                "low": unit("percentunit", decimals=0, title="Desde (95 %) / From"),
                "high": unit("percentunit", decimals=0, title="Hasta (95 %) / To"),
            },
            width="half",
        )
    )  # fmt: skip
