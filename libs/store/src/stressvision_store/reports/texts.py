"""Every word of a report, in Spanish and English, with the same keys; a test compares them."""

from typing import Final

from stressvision_store.languages import Language

TEXTS: Final[dict[Language, dict[str, str]]] = {
    "es": {
        "shift_title": "Informe de turno",
        "week_title": "Informe semanal de sede",
        "site": "Sede",
        "shift": "Turno",
        "all_shifts": "Todos los turnos",
        "date": "Fecha",
        "week": "Semana",
        "fatigue": "Tiempo observado con signos de cansancio",
        "stress": "Tiempo observado con signos de estrés",
        "coverage": "Cobertura (tiempo con rostro utilizable entre tiempo previsto)",
        "usual": "Lo habitual de la sede (28 días anteriores)",
        "usual_range": "{low} a {high}, según {days} días",
        "no_usual": "no hay datos suficientes: menos de 7 días anteriores",
        "within": "dentro de lo habitual",
        "above": "por encima de lo habitual",
        "below": "por debajo de lo habitual",
        "published": "Celdas publicadas",
        "withheld": "Celdas reservadas (grupos pequeños)",
        "thin": "Celdas con datos insuficientes",
        "of_cells": "{count} de {all} en la sede y los días del informe",
        "published_at": "Última publicación de una cifra de este informe",
        "sad": "Tiempo observado con expresión aparente de tristeza",
        "happy": "Tiempo observado con expresión aparente de alegría",
        "none": "no hay datos suficientes",
        "at_most": "1 % o menos",
        "at_least": "99 % o más",
        "area": "Área",
        "people": "Personas",
        "hours": "Horas observadas",
        "coverage_short": "Cobertura",
        "fatigue_short": "Cansancio",
        "stress_short": "Estrés",
        "sad_short": "Tristeza aparente",
        "happy_short": "Alegría aparente",
        "episodes_short": "Episodios de cansancio por hora",
        "days_short": "Días publicados",
        "areas_plot": "Signos de cansancio por área, en orden alfabético; en gris, lo habitual de la sede",
        "days_plot": "Signos de cansancio por día; en gris, lo habitual de la sede",
        "stress_plot": "Signos de estrés por día; en gris, lo habitual de la sede",
        "nothing": "No hay ninguna celda publicable en este periodo. No significa que no haya habido signos.",
        "method_title": "Método y límites",
        "method_1": (
            "Una cámara observa el puesto y un modelo clasifica la expresión aparente del rostro. No mide cómo se "
            "siente nadie y no es un diagnóstico. Ninguna imagen sale del dispositivo y no hay reconocimiento facial."
        ),
        "method_2": (
            "Cada cifra es de un grupo de {k} personas o más y de un turno terminado; se publica una vez y no cambia. "
            "Sólo se retira cuando se suprime a una persona del grupo. Los grupos menores se reservan, y "
            "a veces también el grupo vecino más pequeño, para que no se puedan deducir restando. Reservado y «no hay "
            "datos suficientes» no significan cero. Con menos del 20 % del tiempo previsto observado no se publica "
            "ninguna proporción. Las proporciones se redondean al 1 %."
        ),
        "method_3": (
            "Los promedios usan sólo celdas publicadas, ponderadas por horas observadas. Lo habitual es el promedio "
            "más y menos dos desviaciones de los 28 días anteriores de la misma sede y selección; estar fuera es una "
            "razón para preguntar, no una conclusión. El cansancio visto sólo en el rostro se reconoce de forma "
            "moderada: hay avisos de más y de menos."
        ),
        "method_moods": (
            "El perfil de esta sede permite además la mezcla de expresiones aparentes: tristeza y alegría son cómo se "
            "ve un rostro, no un estado de ánimo, y no sirven para evaluar el ambiente ni a nadie."
        ),
        "method_4": (
            "Este informe no sirve para comparar personas ni equipos, ni para decidir sobre contratación, evaluación "
            "o sanción."
        ),
    },
    "en": {
        "shift_title": "Shift report",
        "week_title": "Weekly site report",
        "site": "Site",
        "shift": "Shift",
        "all_shifts": "All shifts",
        "date": "Date",
        "week": "Week",
        "fatigue": "Observed time with signs of tiredness",
        "stress": "Observed time with signs of stress",
        "coverage": "Coverage (time with a usable face over scheduled time)",
        "usual": "Usual at this site (28 days before)",
        "usual_range": "{low} to {high}, from {days} days",
        "no_usual": "not enough data: fewer than 7 days before",
        "within": "within what is usual",
        "above": "above what is usual",
        "below": "below what is usual",
        "published": "Cells published",
        "withheld": "Cells withheld (small groups)",
        "thin": "Cells with too little data",
        "of_cells": "{count} of {all} at the site on the days of the report",
        "published_at": "Last publication of a figure in this report",
        "sad": "Observed time with an apparent expression of sadness",
        "happy": "Observed time with an apparent expression of joy",
        "none": "not enough data",
        "at_most": "1 % or less",
        "at_least": "99 % or more",
        "area": "Area",
        "people": "People",
        "hours": "Observed hours",
        "coverage_short": "Coverage",
        "fatigue_short": "Tiredness",
        "stress_short": "Stress",
        "sad_short": "Apparent sadness",
        "happy_short": "Apparent joy",
        "episodes_short": "Episodes of tiredness per hour",
        "days_short": "Days published",
        "areas_plot": "Signs of tiredness by area, in alphabetical order; in grey, what is usual at this site",
        "days_plot": "Signs of tiredness by day; in grey, what is usual at this site",
        "stress_plot": "Signs of stress by day; in grey, what is usual at this site",
        "nothing": "No cell of this period can be published. This does not mean that there were no signs.",
        "method_title": "Method and limits",
        "method_1": (
            "A camera looks at the workstation and a model classifies the apparent expression of the face. It does "
            "not measure how anyone feels and is not a diagnosis. No picture leaves the device and no face is "
            "recognised."
        ),
        "method_2": (
            "Each figure is of a group of {k} people or more and of a shift that is over; it is published once and "
            "does not change. It is only withdrawn, when a person of the group is erased. Smaller groups are withheld, "
            "and at times the smallest neighbouring group too, so that nothing follows by subtraction. Withheld and "
            '"not enough data" do not mean zero. Below 20 % of the scheduled time observed no share is published. '
            "Shares are rounded to 1 %."
        ),
        "method_3": (
            "Means use published cells only, weighted by observed hours. Usual is the mean plus and minus two "
            "deviations of the 28 days before, of the same site and selection; being outside is a reason to ask, not "
            "a conclusion. Tiredness seen in the face alone is recognised moderately well: some signs are missed and "
            "some are mistaken."
        ),
        "method_moods": (
            "The profile of this site allows the mix of apparent expressions, too: sadness and joy are what a face "
            "looks like, not a mood, and are no measure of morale or of anyone."
        ),
        "method_4": ("This report is not for comparing people or teams, nor for hiring, appraisal or discipline."),
    },
}
