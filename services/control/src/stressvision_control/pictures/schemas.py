"""What travels about company pictures."""

from datetime import datetime
from typing import Literal

from stressvision_control.fields import View

Label = Literal["neutral", "stress", "sad", "happy", "fatigue"]


class PictureView(View):
    """All but the picture itself."""

    digest: str
    label: Label
    site_id: int
    has_person: bool
    media_type: str
    width: int
    height: int
    is_crop: bool
    added_by: str
    added_at: datetime


class RemovedPicture(View):
    digest: str
    removed_at: datetime


class ErasedPictures(View):
    pictures: int


class PictureCount(View):
    """`usable`: may be learnt from now; the others show people without an active consent."""

    site_id: int
    label: Label
    pictures: int
    usable: int
    people: int
