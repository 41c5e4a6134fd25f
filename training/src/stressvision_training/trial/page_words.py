"""What the page says, in Spanish and English."""

from typing import Final

from stressvision_training.trial.predict import Words

TITLE: Final = "Expresión aparente / Apparent expression"
CAMERA_OR_FILE: Final = "Imagen o cámara / Picture or camera"
WHOLE: Final = "La imagen entera es la cara / The whole picture is the face"
RESULT: Final = "Resultado / Result"

TEXT: Final = """# Expresión aparente / Apparent expression

Pruebe el modelo `{model}` con una imagen tras otra o con la cámara. **No mide lo que siente una persona**, no es un
diagnóstico y no sirve para decidir sobre nadie. Se equivoca a menudo: la luz, los lentes o una cabeza girada bastan, y
una sola imagen no dice nada sobre el cansancio. Las imágenes no salen de este equipo ni se guardan.

Try the model `{model}` on one picture after the other or with the camera. **It is not a measure of how a person
feels**, no diagnosis, and not for decisions about anyone. It is often wrong: light, glasses or a turned head are
enough, and one picture says nothing about tiredness. Pictures do not leave this computer and are not kept."""

LABELS: Final = {
    "neutral": "neutral",
    "stress": "estrés / stress",
    "sad": "triste / sad",
    "happy": "feliz / happy",
    "fatigue": "fatiga / fatigue",
    "angry": "enojo / angry",
    "disgust": "asco / disgust",
    "fear": "miedo / fear",
    "surprise": "sorpresa / surprise",
}

BOTH: Final = Words(
    "{label} ({share:.1%})",
    "no se encontró ninguna cara\nno face found",
    "Expresión aparente en una imagen: no mide lo que siente una persona.\n"
    "Apparent expression in one picture: no measure of how a person feels.",
    LABELS,
)
