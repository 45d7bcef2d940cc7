"""Photos with a box and a name around every face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition


def annotate(image: np.ndarray, recognition: Recognition) -> np.ndarray:
    """A copy of an RGB photo with a box and a name around every face."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 400))
    for face in recognition.faces:
        x, y, w, h = face.box
        colour = (30, 140, 60) if face.name else (200, 60, 30)
        draw.rectangle((x, y, x + w, y + h), outline=colour, width=width)
        text = f"{face.name or face.reason} {face.similarity:.2f}"
        font = _font(max(12, round(max(picture.size) / 50)))
        x = max(0.0, min(x, picture.width - draw.textlength(text, font=font)))
        left, top, right, bottom = draw.textbbox((x, y), text, font=font, anchor="lb")
        if top < 0:
            shift = bottom - top + h
            top, bottom = top + shift, bottom + shift
        draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=colour)
        draw.text((left, bottom), text, fill="white", font=font, anchor="lb")
    return np.asarray(picture)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from matplotlib.font_manager import findfont

    return ImageFont.truetype(findfont("DejaVu Sans"), size)
