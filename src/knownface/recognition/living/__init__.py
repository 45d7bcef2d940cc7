"""People come and go: who is known, as one file that is changed while it is used."""

from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import (
    Cause,
    Change,
    Entry,
    FaceRecord,
    Person,
    Receipt,
    SeenFace,
    SeenPhoto,
    Sighting,
)

__all__ = [
    "Cause",
    "Change",
    "Entry",
    "FaceRecord",
    "LivingGallery",
    "Person",
    "Receipt",
    "SeenFace",
    "SeenPhoto",
    "Sighting",
]
