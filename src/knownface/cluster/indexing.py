"""The verb: faces of very many photos, found and embedded once, kept in an index that grows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from knownface.cluster.index import Index, Terms
from knownface.cluster.index_changes import Changes, compared, folders_of, photo_files
from knownface.cluster.index_place import Place
from knownface.cluster.index_rows import Rows
from knownface.cluster.index_work import Reader, Way, here
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.errors import Interrupted, KnownfaceError
from knownface.networks.record import Backbone
from knownface.options import (
    BackboneName,
    Device,
    FacesMode,
    Licence,
    Option,
    Weights,
    argument,
    checked,
)
from knownface.progress import Track, silent

log = logging.getLogger(__name__)

# What an interruption may cost: so many photos, faces (60 MB of portraits) or seconds of work.
PHOTOS_AT_ONCE, FACES_AT_ONCE, SECONDS_AT_ONCE = 2048, 4096, 60
NAMED = 20  # photos that could not be read, said one by one

Photos = Annotated[
    Iterable[str | Path] | str | Path, Option("Photos, folders of photos, or globs.", flag="PHOTOS")
]
Workers = Annotated[
    int | None,
    Option(
        "Processes; by default one for each two processors.",
        wanted="1 or more",
        fits=lambda workers: workers >= 1,
    ),
]


@dataclass(frozen=True)
class Indexed:
    """What is in an index after it was written, and what was done.

    photos, faces: in the index. added, changed, unchanged: of the photos that were given; failed:
    how many of those added or changed are no photos that can be read. skipped: files that were
    given and could not be opened. removed: photos that are no longer there.
    """

    index: str
    photos: int
    faces: int
    added: int
    changed: int
    unchanged: int
    failed: int
    skipped: int
    removed: int
    seconds: float
    device: str


def index(
    photos: Photos,
    *,
    out: Annotated[
        str | Path, Option("The index: a folder, or an address such as s3://bucket/name.", "--out")
    ],
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: FacesMode = "detect",
    workers: Workers = None,
    ray: Annotated[
        str | None, Option("Work on a cluster of Ray, by its address, or local.")
    ] = None,
    prune: Annotated[bool, Option("Photos that are gone from PHOTOS leave the index.")] = False,
    device: Device = "auto",
    track: Track = silent,
) -> Indexed:
    """Find and embed the faces of photos, once: into an index of Parquet files.

    Photos that the index has are left alone; changed ones are read again, and take the place of
    what they were. Whatever ends it, what was done stays, and the same call goes on. A photo that
    cannot be read is a row with its error. Photos are known by their absolute paths.

    photos: files, folders (searched deeply) and globs. out: where the index is, or will be. faces,
        backbone: must be those of an index that is there; `auto` is its backbone. workers:
        processes. ray: the address of a cluster that works instead, `local` for one that is started
        here. prune: photos below the folders that are given, and no longer there, leave the index.
    Raises KnownfaceError; Interrupted, which says how to go on.
    """
    workers = checked("workers", Workers, workers)
    start = time.perf_counter()
    place = Place(out)
    known = Index.find(place)
    given = [photos] if isinstance(photos, str | Path) else list(photos)
    files, skipped = photo_files(given)
    if known is None and skipped and not files:
        raise KnownfaceError(f"{skipped[0]}; there is no photo to make an index of")
    for why in skipped:
        log.warning("skipped: %s", why)
    way = _way(workers, ray)
    name = known.terms.backbone if known and backbone == "auto" else backbone
    record, pipeline = frozen_pipeline(name, weights, accept_license, faces, device, track)
    log.info("Backbone: %s, device: %s", record.name, pipeline.embedder.device)
    terms = _terms(record, pipeline)
    if known is None:
        with place.locked():
            known = Index.find(place) or Index.create(place, terms)
    _refuse_others(known.terms, terms, place.name)
    with known.writing():
        known.name_folders(folders_of(given, files))
        changes = compared(known, files, given if prune else [], track)
        failed = _carried_out(known, changes, Reader.of(pipeline), way, track)
    return Indexed(
        place.name, known.photo_count, known.face_count, len(changes.new), len(changes.changed),
        changes.unchanged, failed, len(skipped), len(changes.gone),
        round(time.perf_counter() - start, 3), pipeline.embedder.device,
    )  # fmt: skip


def _way(workers: int | None, ray: str | None) -> Way:
    if ray is None:
        return here(workers)
    if workers is not None:
        raise KnownfaceError(
            f"{argument('workers', workers)}: is for this machine; a cluster has as many as it "
            f"has processors, so leave {argument('workers')} or {argument('ray')} out"
        )
    from knownface.cluster.ray_work import on_cluster

    return on_cluster(ray)


def _terms(record: Backbone, pipeline: FacePipeline) -> Terms:
    embedder, cropper = pipeline.embedder, pipeline.cropper
    return Terms(
        record.name, embedder.contract(cropper.crop), embedder.width, cropper.crop,
        pipeline.mirrored is True, cropper.detector, record.licence,
    )  # fmt: skip


def _refuse_others(known: Terms, asked: Terms, place: str) -> None:
    """Faces of another network, or cropped otherwise, cannot be compared with those that are."""
    if known.contract != asked.contract or known.mirrored != asked.mirrored:
        raise KnownfaceError(
            f"{place}: an index of another network ({known.backbone}), whose faces cannot be "
            f"compared with those of {asked.backbone}; take its network, or another "
            f"{argument('out')}"
        )
    if known.detector != asked.detector:
        made, now = (each or "ready crops" for each in (known.detector, asked.detector))
        raise KnownfaceError(
            f"{place}: its faces come from {made}, and these would from {now}; see "
            f"{argument('faces')}, or name another {argument('out')}"
        )


def _carried_out(known: Index, changes: Changes, reader: Reader, way: Way, track: Track) -> int:
    """Everything that is to be done, committed again and again; how many photos failed."""
    if changes.gone:
        known.commit(without=changes.gone)
    if changes.saved_again:
        known.date(changes.saved_again)
    todo = changes.todo
    failed = done = 0
    try:
        for rows in _together(track(_singly(way(reader, todo)), "Indexing photos", len(todo))):
            replaced = changes.replaced(rows)
            known.commit(rows, without=replaced)
            known.compact()
            done += rows.photos.num_rows
            failed += _complain(rows, failed)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; {done:,} of {len(todo):,} photos are in {known.place.name}, and the "
            "same command goes on with the others"
        ) from None
    if failed > NAMED:
        log.warning("%d photos could not be read; the index has their errors", failed)
    return failed


def _singly(parts: Iterator[Rows]) -> Iterator[Rows | None]:
    """For what shows progress: as many items as there are photos, the rows of several in one."""
    for rows in parts:
        yield rows
        for _ in range(rows.photos.num_rows - 1):
            yield None


def _together(parts: Iterator[Rows | None]) -> Iterator[Rows]:
    """Rows, as many as are worth a file. Of an interruption, too, what was done until then."""
    waiting: list[Rows] = []
    photos, faces, since = 0, 0, time.monotonic()
    try:
        for rows in parts:
            if rows is None:
                continue
            waiting.append(rows)
            photos += rows.photos.num_rows
            faces += rows.faces.num_rows
            late = time.monotonic() - since > SECONDS_AT_ONCE
            if late or photos >= PHOTOS_AT_ONCE or faces >= FACES_AT_ONCE:
                yield Rows.together(waiting)
                waiting, photos, faces, since = [], 0, 0, time.monotonic()
    except KeyboardInterrupt:
        if waiting:
            yield Rows.together(waiting)
        raise
    if waiting:
        yield Rows.together(waiting)


def _complain(rows: Rows, before: int) -> int:
    """Say which photos could not be read, the first of them; how many there were."""
    errors = [each for each in rows.photos["error"].to_pylist() if each]
    for error in errors[: max(0, NAMED - before)]:
        log.warning("skipped: %s", error)
    return len(errors)
