"""What tables about people are for, in Spanish, and on what legal basis each is proposed to rest."""

from collections.abc import Mapping
from typing import Final

from stressvision_store.retention_report import NOT_YET

SPANISH_PURPOSES: Final[Mapping[str, str]] = {
    "events": "volver a calcular los resúmenes",
    "dead_letters": "reenviar eventos rechazados",
    "rollup_windows": "tendencia de una persona dentro de un turno",
    "rollup_shifts": "tendencia de una persona entre turnos",
    "rollup_areas": "tendencias de grupos",
    "published_cells": "tendencias de grupos, como se publicaron",
    "published_members": "retirar las cifras de un grupo cuando se suprime a una persona de él",
    "published_spans": "no publicar dos veces la misma observación",
    "reports": "tendencias de grupos, como se informaron",
    "unattributed_windows": "corregir la programación de turnos",
    "check_ins": "quién estuvo en qué puesto",
    "alerts": "cuidado de personas cansadas, y cuán buena es la regla",
    "looks": "mostrar una persona a quien responde por la seguridad, con un motivo",
    "personal_links": "el camino de una persona a su propia página",
    "objections": "oír a una persona que se opone",
    "assignments": "quién estuvo en qué puesto",
    "employees": "un seudónimo con que nombrar",
    "employee_names": "responder a la persona",
    "consents": "prueba de consentimiento y retirada",
    "pictures": "entrenar modelos, con consentimiento",
    "audit": "prueba de quién hizo o miró qué",
    "erasures": "prueba de supresión",
    "erased_spans": "mantener vacío el tiempo suprimido",
}

SPANISH_UNTIL: Final[Mapping[str, str]] = {
    "the person is erased": "hasta que se suprime a la persona",
    "removed, or the person is erased": "hasta que se retira, o se suprime a la persona",
    "never; it names nobody": "siempre; no nombra a nadie",
    NOT_YET: "el proceso de fondo aún no aplicó ninguna regla",
}

BASES: Final[Mapping[str, str]] = {
    "events": "basis_care",
    "dead_letters": "basis_care",
    "rollup_windows": "basis_care",
    "rollup_shifts": "basis_care",
    "rollup_areas": "basis_care",
    "published_cells": "basis_care",
    "published_members": "basis_proof",
    "published_spans": "basis_care",
    "reports": "basis_care",
    "unattributed_windows": "basis_work",
    "check_ins": "basis_consent",
    "alerts": "basis_care",
    "looks": "basis_proof",
    "personal_links": "basis_proof",
    "objections": "basis_proof",
    "assignments": "basis_work",
    "employees": "basis_work",
    "employee_names": "basis_work",
    "consents": "basis_proof",
    "pictures": "basis_consent",
    "audit": "basis_proof",
    "erasures": "basis_proof",
    "erased_spans": "basis_proof",
}
"""The key of the words. A proposal of the makers; counsel decides."""
