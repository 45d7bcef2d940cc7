"""Faces as the screens show them."""

from __future__ import annotations

import io

from PIL import Image

from knownface.recognition.living.portrait import PORTRAIT

SHOWN = 0.72  # of a kept portrait, half of which is the face's box


def close_up(portrait: bytes) -> bytes:
    """The middle of a kept portrait, so that the face is large; JPEG to JPEG.

    What training kept is the network's own crop, smaller, and filled by the face: it stays.
    """
    picture = Image.open(io.BytesIO(portrait))
    if picture.size != (PORTRAIT.size, PORTRAIT.size):
        return portrait
    edge = round(PORTRAIT.size * (1 - SHOWN) / 2)
    shown = io.BytesIO()
    middle = picture.crop((edge, edge, PORTRAIT.size - edge, PORTRAIT.size - edge))
    middle.save(shown, "JPEG", quality=90)
    return shown.getvalue()
