"""Training: what runs, how it goes, what it learns from, and whether the model in use still fits what it sees."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.generate.pages import choice, page
from grafana.generate.panels import (
    COVERAGE,
    FATIGUE,
    GOOD,
    STRESS,
    colour,
    figure,
    listing,
    trend,
    unit,
)
from grafana.generate.queries import OPERATIONS, Prom, Sql, lettered

RUN = "job::text IN (${run:sqlstring})"
TRAINER_AGE_S = 60
DRIFT = 0.25
FAILED = """
SELECT count(*) AS failed FROM ops.training_jobs WHERE state = 'failed' AND ended_at > now() - interval '30 days'"""


def build() -> Dashboard:
    runs = "SELECT job::text FROM ops.training_jobs ORDER BY job DESC LIMIT 50"
    return page(
        "training",
        "Entrenamiento / Training",
        "Qué se entrena, cómo va y de qué aprende. / What is trained, how it goes, and what it learns from.",
        audience="operations",
        since="now-30d",
        refresh="1m",
        choices=[choice("run", "Ejecución / Run", OPERATIONS, runs, several=False)],
        parts=[_now, _jobs, _curves, _data],
        height=7,
    )


def _now(board: Dashboard) -> None:
    board.with_row(Row("Ahora / Now"))
    for title, description, statement, kind, limit in (
        ("En espera / Waiting", "Ejecuciones sin entrenador todavía. / Runs that have no trainer yet.",
         "SELECT count(*) AS waiting FROM ops.training_jobs WHERE state = 'queued'", "none", None),
        ("En curso / Running", "Ejecuciones en un entrenador. / Runs on a trainer.",
         "SELECT count(*) AS running FROM ops.training_jobs WHERE state IN ('running', 'cancelling')", "none", None),
        ("Hecho / Done", "De la ejecución en curso más antigua. / Of the oldest run that is on.",
         "SELECT share FROM ops.training_jobs WHERE state = 'running' ORDER BY job LIMIT 1", "percentunit", None),
        ("Queda / Left", "Hasta su última época. / Until its last epoch.",
         "SELECT eta_s FROM ops.training_jobs WHERE state = 'running' ORDER BY job LIMIT 1", "s", None),
        ("Fallidas / Failed", "En los últimos 30 días. / Within the last 30 days.",
         FAILED, "none", 1),
        ("Entrenadores / Trainers", "Que pidieron trabajo hace un minuto. / That asked for work within a minute.",
         f"SELECT count(*) AS trainers FROM ops.trainers WHERE seen_age_s < {TRAINER_AGE_S}", "none", None),
    ):  # fmt: skip
        query = Sql(OPERATIONS, statement)
        board.with_panel(figure(title, description, query, unit=kind, decimals=0, alarm_above=limit))


def _jobs(board: Dashboard) -> None:
    board.with_row(Row("Ejecuciones / Runs"))
    board.with_panel(
        listing(
            "Últimas / Newest",
            "La versión del candidato, o por qué no lo hay. / The candidate's version, or why there is none.",
            Sql(OPERATIONS, """
SELECT job, recipe, trigger, state, stage, epoch, epochs, eta_s, macro_f1, created_at, ended_at,
  coalesce(candidate_version, error, reason) AS outcome
FROM ops.training_jobs ORDER BY job DESC LIMIT 50"""),
            {
                "job": unit("none", title="Ejecución / Run"),
                "recipe": unit("string", title="Receta / Recipe"),
                "trigger": unit("string", title="Causa / Cause"),
                "state": unit("string", title="Estado / State"),
                "stage": unit("string", title="Fase / Stage"),
                "epoch": unit("none", title="Época / Epoch"),
                "epochs": unit("none", title="de / of"),
                "eta_s": unit("s", decimals=0, title="Queda / Left"),
                "macro_f1": unit("none", decimals=3, title="Macro-F1"),
                "created_at": unit("dateTimeAsLocal", title="Pedida / Asked for"),
                "ended_at": unit("dateTimeAsLocal", title="Terminada / Ended"),
                "outcome": unit("string", title="Resultado / Outcome"),
            },
        )
    )  # fmt: skip


def _curves(board: Dashboard) -> None:
    board.with_row(Row("Curvas / Curves"))
    for title, description, column, paint, ratio in (
        ("Pérdida / Loss", "De entrenamiento, por época. / Of training, by epoch.", "loss", STRESS, False),
        ("Macro-F1 / Macro-F1", "De validación, por época. / Of validation, by epoch.", "macro_f1", GOOD, True),
    ):
        statement = f"SELECT reported_at AS time, {column} FROM ops.training_epochs WHERE {RUN} ORDER BY 1"
        query = Sql(OPERATIONS, statement, series=True)
        board.with_panel(
            trend(title, description, [query], unit="none", ratio=ratio, overrides=colour({column: paint}))
        )


def _data(board: Dashboard) -> None:
    board.with_row(Row("De qué aprende / What it learns from"))
    board.with_panel(
        listing(
            "Fotos de la empresa / Company pictures",
            "Las que hoy pueden usarse; se piden 100 por clase. / Those that may be used today; 100 a class are asked.",
            Sql(OPERATIONS, "SELECT label, pictures, added_30d FROM ops.training_pictures ORDER BY label"),
            {
                "label": unit("string", title="Clase / Class"),
                "pictures": unit("none", title="Fotos / Pictures"),
                "added_30d": unit("none", title="En 30 días / In 30 days"),
            },
            width="half",
        )
    )
    board.with_panel(
        listing(
            "Deriva / Drift",
            f"Primera semana frente a la última; más de {DRIFT} es un cambio claro. / "
            f"The first week against the newest; more than {DRIFT} is a clear change.",
            Sql(OPERATIONS, """
SELECT model_version, first_day, newest_day, psi, first_confidence, newest_confidence
FROM ops.model_drift ORDER BY newest_day DESC, model_version LIMIT 20"""),
            {
                "model_version": unit("string", title="Modelo / Model"),
                "first_day": unit("dateTimeAsLocal", title="Desde / From"),
                "newest_day": unit("dateTimeAsLocal", title="Hasta / To"),
                "psi": unit("none", decimals=2, title="Índice / Index"),
                "first_confidence": unit("percentunit", decimals=0, title="Confianza entonces / Confidence then"),
                "newest_confidence": unit("percentunit", decimals=0, title="ahora / now"),
            },
            width="half",
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Confianza / Confidence",
            "Media de la probabilidad más alta de cada ventana, por modelo y día. / "
            "Mean of the highest probability of each window, by model and day.",
            [Sql(OPERATIONS, f"""
SELECT day::timestamptz AS time, {lettered("model_version", "model_version")}, confidence FROM ops.model_days
WHERE $__timeFilter(day::timestamptz) ORDER BY 1, 2""", series=True)],
            unit="percentunit", ratio=True, lettered=True,
        )
    )  # fmt: skip
    board.with_panel(
        trend(
            "Causas automáticas / Automatic causes",
            "Ejecuciones que nadie pidió. / Runs that nobody asked for.",
            [Prom("sum by (why) (increase(stressvision_training_queued_total[1d]))", "{{why}}")],
            unit="none", bars=True,
            overrides=colour({"schedule": COVERAGE, "pictures": FATIGUE, "drift": STRESS}),
        )
    )  # fmt: skip
