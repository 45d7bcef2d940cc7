"""Forgetting somebody everywhere that knownface writes, and proving it."""

from __future__ import annotations

import mmap
import sqlite3
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knownface.faces.crop_cache import crops_folder
from knownface.recognition.artifact import GALLERY
from knownface.recognition.living import naming, run_files, schema, shared
from knownface.recognition.living.changes import note, rows_before
from knownface.recognition.living.erasing import (
    erase_person,
    erase_strangers,
    named_in,
    names_of,
    uncache,
)
from knownface.recognition.living.reading import meta, names_and_templates, vectors
from knownface.recognition.living.records import Receipt
from knownface.recognition.record import tell_people

NETWORK = ("embedder", "detector")  # files that no gallery writes: their checksums are recorded
REMAINS = (
    "Photos in folders of your own, indices of them, and exports, backups and copies made before: "
    "delete them yourself",
)
TRAINED = (
    "The network itself was trained on photos of this person, and still knows them better than a "
    "stranger; train again without their folder to end that"
)
SHARED = (
    "Milvus finds nothing of this person any more, and rewrites its files in its own time: see "
    "docs/serving.md. Other servers erase the person, in their run folders too, when they next look"
)


@dataclass(frozen=True)
class _Traces:
    """What must not be found any more: names, digests of photos, embeddings (n, d), portraits.

    faces: how many there are now; those that a change took away are among the others.
    """

    names: list[str]
    digests: set[str]
    embeddings: np.ndarray
    portraits: list[bytes]
    faces: int
    trained: bool
    sightings: int
    groups: int

    def patterns(self) -> list[bytes]:
        """Pieces of them, as they would lie in a file: in each precision and byte order."""
        kinds = ("<f4", ">f4", "<f2", ">f2", "<f8", ">f8")
        rows = [row[:8].astype(kind).tobytes() for row in self.embeddings for kind in kinds]
        rows += [each[len(each) // 2 :][:32] for each in self.portraits]
        rows += [b64encode(row.astype("<f4").tobytes()[:96]) for row in self.embeddings]
        return [*rows, *(digest.encode() for digest in self.digests)]

    def texts(self) -> list[str]:
        """Pieces of them, as they would stand in a row of a shared gallery."""
        pieces = [row.astype("<f4").tobytes()[:96] for row in self.embeddings]
        pieces += [each[len(each) // 6 * 3 :][:96] for each in self.portraits]  # heads are alike
        return [*(b64encode(piece).decode() for piece in pieces), *self.digests]


def forget(folder: Path, gallery: Path, who: str | int, actor: str, threshold: float) -> Receipt:
    """Erase somebody from the gallery, the cache and the run folder; see `LivingGallery.forget`."""
    run = run_files.run_of(folder)
    with shared.changing(gallery) as database:
        person = naming.find(database, who)
        _claim(database, person, threshold)
        those = [person, *_same_looks(database, person, threshold)]
        traces = _traces(database, those)
        erase_strangers(database, person, threshold)
        for each in those:
            erase_person(database, each)
        others = {row[0] for row in database.execute("SELECT digest FROM faces")}
        traces = replace(traces, digests=traces.digests - others)  # photos of others, too
        note(database, "forget", f"Somebody was forgotten, with {traces.faces} faces", actor)
        # Before the gallery has forgotten: who is cut off here can be forgotten again.
        erased = [f"{GALLERY}: faces, templates, corrections, history, sightings, free pages"]
        if traces.groups:
            erased.append(f"{traces.groups} groups of unknown faces that looked like this person")
        erased += [f"{number} cached crops" for number in [uncache(traces.digests)] if number]
        erased += run_files.clean(run, traces.names)
        tell_people(folder, lambda exported: names_and_templates(database, gallery, exported))
    with schema.opened(gallery) as database:
        database.execute("VACUUM")
    remains = [*REMAINS, *([TRAINED] if traces.trained else [])]
    searched = _search(run, gallery, traces)
    if place := shared.settled(gallery, traces.texts(), those):
        erased.append(f"{place.name}: rows and vectors, of {place.rows} rows searched")
        remains.append(SHARED)
        searched["found"] += place.found
    return Receipt(
        time.time(), traces.faces, len(traces.digests), traces.sightings, tuple(erased),
        tuple(remains), searched,
    )  # fmt: skip


def _traces(database: sqlite3.Connection, those: Sequence[int]) -> _Traces:
    """Of somebody, and of unknown people who are probably the same."""
    marks = ", ".join("?" * len(those))
    now = f"SELECT embedding, small, digest, portrait FROM faces WHERE person IN ({marks})"
    rows = [dict(row) for row in database.execute(now, those).fetchall()]
    faces = len(rows)
    rows += [row for row in rows_before(database, "faces") if row["person"] in those]
    seen = f"SELECT count(*) FROM sightings WHERE person IN ({marks})"
    trained = "SELECT trained FROM people WHERE id = ?"
    return _Traces(
        names_of(database, those[0]),
        {row["digest"] for row in rows if row["digest"]},
        vectors(
            (row[which] for row in rows for which in ("embedding", "small") if row.get(which)),
            int(meta(database, "width")),
        ),
        [row["portrait"] for row in rows if row.get("portrait")],
        faces,
        bool(database.execute(trained, (those[0],)).fetchone()[0]),
        int(database.execute(seen, those).fetchone()[0]),
        len(those) - 1,
    )


def _same_looks(database: sqlite3.Connection, person: int, threshold: float) -> list[int]:
    """Unknown people who are probably this one."""
    own = database.execute("SELECT embedding FROM templates WHERE person = ?", (person,)).fetchone()
    if own is None:
        return []
    template = np.frombuffer(own[0], "<f4")
    rows = database.execute(
        "SELECT p.id, t.embedding FROM people p JOIN templates t ON t.person = p.id "
        "WHERE p.state = 'unknown' AND p.id != ?", (person,)
    )  # fmt: skip
    return [row[0] for row in rows if np.frombuffer(row[1], "<f4") @ template >= threshold]


def _claim(database: sqlite3.Connection, person: int, threshold: float) -> None:
    """Faces of nobody that are probably somebody's become theirs, to be erased with them."""
    own = database.execute("SELECT embedding FROM templates WHERE person = ?", (person,)).fetchone()
    if own is None:
        return
    template = np.frombuffer(own[0], "<f4")
    lone = database.execute("SELECT id, embedding FROM faces WHERE person IS NULL").fetchall()
    for row in lone:
        if np.frombuffer(row["embedding"], "<f4") @ template >= threshold:
            touched = "SELECT change FROM steps WHERE what = 'faces' AND row = ?"
            database.execute(f"DELETE FROM steps WHERE change IN ({touched})", (row["id"],))
            database.execute("UPDATE faces SET person = ? WHERE id = ?", (person, row["id"]))


# ---------------------------------------------------------------- proof
def _search(run: Path, gallery: Path, traces: _Traces) -> dict[str, int]:
    """Look for names, embeddings, portraits and digests in every file that may hold some.

    Names are looked for where names stand: `a` is in every file.
    """
    patterns = traces.patterns()
    files = size = found = 0
    for path in _written(run):
        files, size = files + 1, size + path.stat().st_size
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as m:
            found += any(m.find(piece) >= 0 for piece in patterns)
    found += sum(1 for d in traces.digests for _ in (crops_folder() / d[:2]).glob(f"{d}-*"))
    found += sum(1 for _ in run_files.named_in(run, traces.names))
    with schema.opened(gallery) as database:
        found += named_in(database, traces.names)
        found += int(database.execute("PRAGMA freelist_count").fetchone()[0])
    return {"files": files, "bytes": size, "found": found}


def _written(run: Path) -> Iterator[Path]:
    for path in sorted(run.rglob("*")):
        if path.is_file() and path.stat().st_size and not _is_network(path.relative_to(run)):
            yield path


def _is_network(path: Path) -> bool:
    return any(part.split(".")[0] in NETWORK for part in path.parts)
