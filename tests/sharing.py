"""Two folders that share a gallery, looked at from outside."""

from __future__ import annotations

import sqlite3

from living_people import Cast

from knownface.recognition.living import carried, shared
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.store import Store, store_at

CAST = Cast(12)
MISSING = "Milvus Lite is not here (pip install -r requirements-milvus.txt)"


def content(gallery: LivingGallery) -> dict[str, list[tuple[object, ...]]]:
    """All that a server has, and which numbers it gives next."""
    gallery.names()
    with sqlite3.connect(gallery.path) as database:
        return {
            table: database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in (*carried.KEYS, "sqlite_sequence")
        }


def store_of(gallery: LivingGallery) -> Store:
    return store_at(shared.address_of(gallery.path))
