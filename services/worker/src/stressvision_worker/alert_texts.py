"""What the message says, in Spanish and English: the place and not the person, no picture, and what to do."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from stressvision_store.alerts_sending import Message


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    again: str
    body: str
    link: str


TEXTS: Final[dict[str, Words]] = {
    "es": Words(
        title="Signos sostenidos de cansancio: {site}, {area}, {station}",
        again="Sin respuesta · ",
        body=(
            "Desde las {since} se observan signos sostenidos de cansancio en el puesto {station} ({area}, {site}).\n"
            "Rostro visible durante el {coverage} % de ese tiempo. Es una señal de la expresión aparente, con "
            "incertidumbre; no es un diagnóstico ni una evaluación de la persona.\n\n"
            "Qué hacer: acérquese al puesto, pregunte cómo está la persona y ofrézcale una pausa. "
            "Si opera una máquina o un vehículo, que se detenga antes. No sancione por este aviso."
        ),
        link="Responder (recibido, resultado): {link}",
    ),
    "en": Words(
        title="Sustained signs of tiredness: {site}, {area}, {station}",
        again="No answer yet · ",
        body=(
            "Since {since} there are sustained signs of tiredness at station {station} ({area}, {site}).\n"
            "A face was visible for {coverage} % of that time. This is a sign of apparent expression, with "
            "uncertainty; it is no diagnosis and no assessment of the person.\n\n"
            "What to do: go to the station, ask how the person is, and offer a break. "
            "If they run a machine or a vehicle, have it stopped first. No sanction may follow from this message."
        ),
        link="Answer (received, outcome): {link}",
    ),
}


def compose(message: Message, link_base: str | None) -> tuple[str, str]:
    """Title and body in the site's language; times are local. Without `link_base` there is no link."""
    words = TEXTS[message.language]
    facts = {
        "site": message.site,
        "area": message.area,
        "station": message.station,
        "since": f"{message.started_at.astimezone(ZoneInfo(message.time_zone)):%H:%M}",
        "coverage": round(message.coverage_ppm / 10_000),
    }
    title = (words.again if message.step > 1 else "") + words.title.format(**facts)
    body = words.body.format(**facts)
    if link_base is not None:
        body += "\n\n" + words.link.format(link=f"{link_base.rstrip('/')}/{message.key}")
    return title, body
