"""Quality and drift: is a model as sure, as fast and as seeing as it was, and does it see what it saw before?"""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, Row

from grafana.generate.pages import choice, leads_to, note, page
from grafana.generate.panels import (
    BAD,
    COVERAGE,
    FATIGUE,
    GOOD,
    GREY,
    STRESS,
    WITHHELD,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.queries import OPERATIONS, Prom, Sql, lettered

CHOSEN = "model_version IN (${model:sqlstring})"
DAYS = "$__timeFilter(day::timestamptz)"
DRIFT = 0.25
LABELS = {"neutral": GREY, "stress": STRESS, "sad": WITHHELD, "happy": GOOD, "fatigue": FATIGUE}
NEWEST = f"FROM ops.model_shift WHERE {CHOSEN} ORDER BY day DESC LIMIT 1"
TO_FLEET = leads_to("fleet", "Flota / Fleet", choices="")


def build() -> Dashboard:
    models = "SELECT model_version FROM ops.model_days GROUP BY 1 ORDER BY max(day) DESC, sum(windows) DESC LIMIT 50"
    return page(
        "quality",
        "Calidad y deriva / Quality and drift",
        "Si un modelo sigue tan seguro, tan rápido y viendo lo mismo que al principio. / "
        "Whether a model is still as sure and as fast, and sees what it saw at first.",
        audience="operations",
        since="now-30d",
        choices=[choice("model", "Modelo / Model", OPERATIONS, models, several=False)],
        annotations=rollouts(),
        parts=[_now, _confidence, _mix, _sight, _speed, _worth],
        height=8,
    )


def rollouts() -> list[AnnotationQuery]:
    """Marks where a rollout began, and where one went back."""
    return [
        note("Despliegues / Rollouts", FATIGUE, OPERATIONS, """
SELECT started_at AS time, 'Despliegue / Rollout ' || rollout_id || ': ' || version AS text, 'rollout' AS tags
FROM ops.rollouts WHERE $__timeFilter(started_at) ORDER BY 1"""),
        note("Vueltas atrás / Taken back", BAD, OPERATIONS, """
SELECT state_at AS time, 'Vuelve atrás / Taken back ' || rollout_id || ': ' || version AS text, 'taken back' AS tags
FROM ops.rollouts WHERE state IN ('rolling_back', 'rolled_back', 'halted') AND $__timeFilter(state_at) ORDER BY 1"""),
    ]  # fmt: skip


def _now(board: Dashboard) -> None:
    board.with_row(Row("Último día terminado / Newest day that is over"))
    for title, description, statement, kind, paint, limit in (
        ("Deriva / Drift",
         (f"Índice de estabilidad de la mezcla frente a sus 28 primeros días; más de {DRIFT} es un cambio. / "
         f"Stability index of the mix against the first 28 days; more than {DRIFT} is a clear change."),
         f"SELECT psi {NEWEST}", "none", GREY, DRIFT),
        ("Confianza / Confidence",
         "Media de la probabilidad más alta de cada ventana. / Mean of the highest probability of each window.",
         f"SELECT confidence {NEWEST}", "percentunit", FATIGUE, None),
        ("Confianza al principio / Confidence at first",
         "La de sus primeros 28 días. / That of its first 28 days.",
         f"SELECT usual_confidence {NEWEST}", "percentunit", GREY, None),
        ("Con rostro / Seeing",
         "Parte del tiempo captado con un rostro utilizable. / Share of the captured time with a usable face.",
         f"SELECT coverage FROM ops.model_days WHERE {CHOSEN} ORDER BY day DESC LIMIT 1",
         "percentunit", COVERAGE, None),
        ("Latencia p95 / Latency p95",
         "Mediana de los dispositivos que lo usan. / Median of the devices that use it.",
         f"SELECT inference_p95_s FROM ops.model_devices WHERE {CHOSEN}", "s", GREY, 0.066),
        ("Salidas malas / Bad outputs",
         "Respuestas que no eran probabilidades. / Answers that were no probabilities.",
         f"SELECT bad_outputs FROM ops.model_devices WHERE {CHOSEN}", "none", GREY, 1),
    ):  # fmt: skip
        board.with_panel(
            figure(
                title, description, Sql(OPERATIONS, statement), unit=kind, paint=paint, alarm_above=limit,
                decimals=2 if title.startswith("Deriva") else None,
            ).links([TO_FLEET])
        )  # fmt: skip


def _confidence(board: Dashboard) -> None:
    board.with_row(Row("Confianza / Confidence"))
    board.with_panel(
        trend(
            "Confianza por modelo / Confidence by model",
            "De todas las versiones en uso, por día. / Of all versions in use, by day.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, {lettered("model_version", "model_version")}, confidence FROM ops.model_days
WHERE {DAYS} ORDER BY 1, 2""", series=True)],
            unit="percentunit", lettered=True, ratio=True,
        ).links([leads_to("training", "Entrenamiento / Training", choices="")])
    )  # fmt: skip
    board.with_panel(
        trend(
            "Confianza frente al principio / Confidence against its first days",
            "Del modelo elegido, días terminados. / Of the chosen model, days that are over.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, confidence AS "confianza / confidence", usual_confidence AS "al principio / at first"
FROM ops.model_shift WHERE {CHOSEN} AND {DAYS} ORDER BY 1""", series=True)],
            unit="percentunit", ratio=True,
            overrides=colour({"confianza / confidence": FATIGUE, "al principio / at first": GREY}),
        )
    )  # fmt: skip


def _mix(board: Dashboard) -> None:
    board.with_row(Row("Mezcla de clases / Mix of classes"))
    board.with_panel(
        trend(
            "Mezcla por día / Mix by day",
            "Parte del tiempo con rostro en cada clase, de toda la flota, días terminados con 5 dispositivos o más. / "
            "Share of the time with a face in each class, of the whole fleet, on days that are over, of 5 devices or "
            "more.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, label AS metric, share FROM ops.model_mix
WHERE {CHOSEN} AND {DAYS} ORDER BY 1, 2""", series=True)],
            unit="percentunit", ratio=True, overrides=colour(LABELS),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Diferencia con el principio / Difference from its first days",
            "Puntos sobre la media de los primeros 28 días del modelo. / "
            "Points above the mean of the model's first 28 days.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, label AS metric, share - usual AS difference FROM ops.model_mix
WHERE {CHOSEN} AND {DAYS} ORDER BY 1, 2""", series=True)],
            unit="percentunit", overrides=colour(LABELS),
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Deriva por modelo / Drift by model",
            f"Índice de estabilidad por día; más de {DRIFT} es un cambio claro. / "
            f"Stability index by day; more than {DRIFT} is a clear change.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, {lettered("model_version", "model_version")}, psi FROM ops.model_shift
WHERE {DAYS} ORDER BY 1, 2""", series=True)],
            unit="none", lettered=True, width="whole",
        )
    )  # fmt: skip


def _sight(board: Dashboard) -> None:
    board.with_row(Row("Qué ve / What it sees"))
    board.with_panel(
        trend(
            "Tiempo con rostro / Time with a face",
            "Parte del tiempo captado, por modelo y día. / Share of the captured time, by model and day.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, {lettered("model_version", "model_version")}, coverage FROM ops.model_days
WHERE {DAYS} ORDER BY 1, 2""", series=True)],
            unit="percentunit", lettered=True, ratio=True,
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Ventanas sin rostro / Windows without a face",
            "Parte de las ventanas en que no se vio a nadie, por modelo y día. / "
            "Share of the windows in which nobody was seen, by model and day.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, {lettered("model_version", "model_version")}, blind_share FROM ops.model_days
WHERE {DAYS} ORDER BY 1, 2""", series=True)],
            unit="percentunit", lettered=True, ratio=True,
        )
    )  # fmt: skip


def _speed(board: Dashboard) -> None:
    board.with_row(Row("Qué tan rápido / How fast"))
    board.with_panel(
        trend(
            "Latencia de la flota / Latency of the fleet",
            "Percentil 95 del tiempo por rostro: dispositivo medio y el más lento; el límite son 66 ms. / "
            "95th percentile of the time for a face: the middle device and the slowest; the bar is 66 ms.",
            [Prom("max by (kind) (stressvision_fleet_inference_p95_seconds)", "{{kind}}")],
            unit="s", overrides=colour({"median": FATIGUE, "slowest": STRESS}),
        ).links([TO_FLEET])
    )  # fmt: skip
    board.with_panel(
        trend(
            "Salidas malas de la flota / Bad outputs of the fleet",
            "Respuestas que no eran probabilidades, desde que cada dispositivo cargó su modelo. / "
            "Answers that were no probabilities, since each device loaded its model.",
            [Prom("max(stressvision_fleet_bad_outputs)", "respuestas / answers")],
            unit="none", overrides=colour({"respuestas / answers": BAD}),
        ).links([TO_FLEET])
    )  # fmt: skip


def _worth(board: Dashboard) -> None:
    board.with_row(Row("En los dispositivos y en las pruebas / On devices and in tests"))
    board.with_panel(
        listing(
            "En uso / In use",
            "Según el último latido de cada dispositivo, de hoy o ayer. / "
            "By each device's last heartbeat, of today or yesterday.",
            Sql(OPERATIONS, """
SELECT model_version, devices, inference_p95_s, slowest_s, bad_outputs, coverage FROM ops.model_devices
ORDER BY devices DESC, model_version LIMIT 50"""),
            {
                "model_version": unit("string", title="Modelo / Model"),
                "devices": unit("none", title="Dispositivos / Devices"),
                "inference_p95_s": unit("s", title="p95, mediana / median"),
                "slowest_s": unit("s", title="p95, el más lento / slowest"),
                "bad_outputs": unit("none", title="Salidas malas / Bad outputs"),
                "coverage": unit("percentunit", decimals=0, title="Con rostro / Seeing"),
            },
            width="half",
        ).links([TO_FLEET])
    )  # fmt: skip
    board.with_panel(
        listing(
            "En las pruebas / In tests",
            "Lo que valía cada versión con las fotos de prueba, del archivo INT8. / "
            "What each version was worth on the test pictures, of the INT8 file.",
            Sql(OPERATIONS, """
SELECT version, state, macro_f1, accuracy, ece, fatigue_recall, approved_at FROM ops.models
ORDER BY registered_at DESC LIMIT 50"""),
            {
                "version": unit("string", title="Modelo / Model"),
                "state": unit("string", title="Estado / State"),
                "macro_f1": unit("none", decimals=3, title="Macro-F1"),
                "accuracy": unit("percentunit", decimals=1, title="Exactitud / Accuracy"),
                "ece": unit("percentunit", decimals=1, title="Error de calibración / Calibration error"),
                "fatigue_recall": unit("percentunit", decimals=0, title="Cansancio hallado / Fatigue found"),
                "approved_at": unit("dateTimeAsLocal", title="Aprobada / Approved"),
            },
            width="half",
        )
    )  # fmt: skip
