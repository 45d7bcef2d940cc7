"""Pictures inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def embedded(pixels: np.ndarray, longest: int = 800, quality: int = 80) -> str:
    """RGB uint8 as the address of a JPEG inside a page, at most `longest` pixels on a side."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
