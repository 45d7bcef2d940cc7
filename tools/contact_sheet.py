"""One picture of a folder of people: a row for each, so that everybody can be looked at.

python tools/contact_sheet.py FOLDER SHEET.jpg [PEOPLE] [PHOTOS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

from knownface.dataset.folder import scan

TILE = 96  # pixels


def main(folder: str, sheet: str, people: str = "8", photos: str = "10") -> None:
    found = scan(Path(folder))
    rows = [[p for p, label in zip(found.paths, found.labels, strict=True) if label == person]
            for person in range(min(int(people), len(found.people)))]  # fmt: skip
    page = Image.new("RGB", (TILE * int(photos), TILE * len(rows)))
    for y, row in enumerate(rows):
        for x, path in enumerate(row[: int(photos)]):
            with Image.open(path) as photo:
                page.paste(ImageOps.fit(photo.convert("RGB"), (TILE, TILE)), (x * TILE, y * TILE))
    page.save(sheet, quality=82)


if __name__ == "__main__":
    main(*sys.argv[1:])
