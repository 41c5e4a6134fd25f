"""What the pages for people say, in Spanish and in English."""

from collections.abc import Mapping
from typing import Final

from stressvision_store.notices import Language

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "es": {
        "export": "Sus datos en Stress Vision",
        "receipt": "Constancia de supresión de datos",
        "made_at": "Emitido",
        "meaning": "El sistema estima la expresión aparente del rostro y señales sostenidas de cansancio. Son "
        "estimaciones con error, no un diagnóstico, y no guardan imágenes. «Sin datos suficientes» es una respuesta "
        "válida.",
        "complete": "Aquí está todo lo que se guarda sobre usted. El detalle por minuto está en el archivo JSON que "
        "acompaña a esta página.",
        "rights": "Puede retirar su consentimiento, pedir corrección o supresión, y reclamar ante la autoridad de "
        "protección de datos.",
        "person": "Quién es usted para el sistema",
        "employee_id": "Número",
        "pseudonym": "Seudónimo",
        "name": "Nombre",
        "has_badge": "Tiene credencial",
        "site": "Sede",
        "time_zone": "Zona horaria",
        "site_profile": "Perfil de privacidad de la sede",
        "consents": "Consentimientos",
        "assignments": "Turnos y puestos asignados",
        "check_ins": "Registros de credencial",
        "shifts": "Resumen por turno",
        "five_minutes": "Tramos de cinco minutos",
        "observations": "Observaciones",
        "pictures": "Imágenes de entrenamiento",
        "alerts": "Avisos",
        "looks": "Quién consultó sus datos",
        "entries": "registros",
        "none": "Nada",
        "in_json": "en el archivo JSON",
        "more": "y {n} más en el archivo JSON",
        "observed": "Observado (h)",
        "coverage": "Cobertura",
        "stress_share": "Señales de estrés",
        "fatigue_share": "Señales de cansancio",
        "date": "Fecha",
        "shift": "Turno",
        "not_enough": "sin datos suficientes",
        "table": "Dónde",
        "rows": "Registros suprimidos",
        "erased_at": "Suprimido",
        "erased_by": "Ejecutado por",
        "reason": "Motivo",
        "audit": "Asiento de auditoría",
        "late": "Lo que los dispositivos envíen después sobre ese tiempo se elimina al llegar y se cuenta. Al "
        "restaurar una copia de respaldo con la herramienta del sistema, la supresión se vuelve a ejecutar.",
        "stays": "Permanecen: este asiento de auditoría, que solo lleva un número; los totales de grupo de días cuyo "
        "detalle ya no existía; y qué horas de qué dispositivo deben quedar vacías, sin nombre de nadie.",
        "late_events": "Eventos tardíos eliminados desde entonces",
        "yes": "sí",
        "no": "no",
    },
    "en": {
        "export": "Your data in Stress Vision",
        "receipt": "Receipt of erasure",
        "made_at": "Made",
        "meaning": "The system estimates the apparent expression of a face and sustained signs of tiredness. These are "
        "estimates with errors, no diagnosis, and hold no pictures. “Not enough data” is a proper answer.",
        "complete": "This is all that is kept about you. The detail by the minute is in the JSON file beside this "
        "page.",
        "rights": "You may withdraw your consent, ask for correction or erasure, and complain to the data protection "
        "authority.",
        "person": "Who you are to the system",
        "employee_id": "Number",
        "pseudonym": "Pseudonym",
        "name": "Name",
        "has_badge": "Has a badge",
        "site": "Site",
        "time_zone": "Time zone",
        "site_profile": "Privacy profile of the site",
        "consents": "Consents",
        "assignments": "Shifts and stations assigned",
        "check_ins": "Badge check-ins",
        "shifts": "Summary by shift",
        "five_minutes": "Stretches of five minutes",
        "observations": "Observations",
        "pictures": "Training pictures",
        "alerts": "Alerts",
        "looks": "Who looked at your data",
        "entries": "entries",
        "none": "Nothing",
        "in_json": "in the JSON file",
        "more": "and {n} more in the JSON file",
        "observed": "Observed (h)",
        "coverage": "Coverage",
        "stress_share": "Signs of stress",
        "fatigue_share": "Signs of tiredness",
        "date": "Date",
        "shift": "Shift",
        "not_enough": "not enough data",
        "table": "Where",
        "rows": "Entries erased",
        "erased_at": "Erased",
        "erased_by": "Done by",
        "reason": "Reason",
        "audit": "Audit entry",
        "late": "What devices send later about that time is deleted on arrival and counted. When a backup is restored "
        "with the system's tool, the erasure is done again.",
        "stays": "What stays: this audit entry, which holds a bare number; group totals of days whose detail was gone "
        "already; and which hours of which device must stay empty, without anybody's name.",
        "late_events": "Late events deleted since",
        "yes": "yes",
        "no": "no",
    },
}
