"""An index of photos as a value: rows in Parquet files, and which of the files count."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.cluster.index_place import Place, arrow
from knownface.cluster.index_rows import Rows, face_schema, numbers_of, photo_schema
from knownface.errors import KnownfaceError
from knownface.faces.face import Crop
from knownface.files.values import Count, from_json
from knownface.options import call
from knownface.progress import Track, silent

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Index", "Terms", "numbers_of"]

log = logging.getLogger(__name__)

VERSION = 1  # of the files
RECORD, PHOTOS, FACES = "index.json", "photos", "faces"
TOGETHER = 4096  # rows that are read and written at once: 60 MB of portraits
TEXTS = ("path", "photo", "digest", "error")  # columns that are worth a dictionary
SMALL_PARTS, FULL = 16, 16_384  # so many parts of fewer photos than FULL become one


@dataclass(frozen=True)
class Terms:
    """What all rows of an index have in common.

    backbone: by its name; contract: see `Embedder.contract`. width: numbers of an embedding.
    mirrored: see `Embedder.embed`. detector: by its name, None where photos are ready crops.
    licence: of the network's weights.
    """

    backbone: str
    contract: str
    width: int
    crop: Crop
    mirrored: bool
    detector: str | None
    licence: str


@dataclass(frozen=True)
class File:
    """A Parquet file of the index, and how many rows it has."""

    name: str
    rows: Count


@dataclass(frozen=True)
class Part:
    """Some photos, and all their faces."""

    photos: File
    faces: File


@dataclass(frozen=True)
class Record:
    """What `index.json` says: a part that is not in its list does not count.

    folders: that were named, none below another, by their absolute paths; none in old indices.
    """

    version: int
    terms: Terms
    parts: list[Part]
    folders: list[str] = field(default_factory=list)


class Index:
    """An index of photos: `index.json`, and in the folders `photos` and `faces` Parquet files.

    Whoever reads it sees the rows of the last `commit`, which put `index.json` anew; files that it
    does not name were left by an interruption. Rows are described by `photo_schema` and
    `face_schema`; the embeddings of a record batch are `numbers_of(batch["embedding"])`.
    """

    def __init__(self, place: Place, record: Record) -> None:
        self.place, self._record = place, record

    def __repr__(self) -> str:
        return f"Index({self.place.name!r}, {self.photo_count:,} photos, {self.face_count:,} faces)"

    @classmethod
    def open(cls, folder: str | Path | Place) -> Index:
        """The index in a folder, or at an address. Raises KnownfaceError where there is none."""
        place = folder if isinstance(folder, Place) else Place(folder)
        if (found := cls.find(place)) is None:
            raise KnownfaceError(
                f"{place.name}: no index; {call('index', 'PHOTOS', out=place.name)} makes one"
            )
        return found

    @classmethod
    def find(cls, place: Place) -> Index | None:
        """The index there, if there is one."""
        content = place.read(RECORD)
        if content is None:
            return None
        try:
            document = json.loads(content)
            version = document.get("version") if isinstance(document, dict) else None
            if version != VERSION:
                raise ValueError(f"its version is {version!r}, and this knownface reads {VERSION}")
            return cls(place, from_json(Record, document))
        except (ValueError, RecursionError) as error:
            raise KnownfaceError(
                f"{place.name}: its {RECORD} cannot be read ({error}); make the index anew"
            ) from None

    @classmethod
    def create(cls, place: Place, terms: Terms) -> Index:
        """An empty one, where nothing lies yet; inside `place.locked()`."""
        if place.anything():
            raise KnownfaceError(
                f"{place.name}: holds something else than an index; name another folder"
            )
        index = cls(place, Record(VERSION, terms, []))
        index._put([])
        return index

    # ------------------------------------------------------------ reading
    @property
    def terms(self) -> Terms:
        return self._record.terms

    @property
    def files(self) -> set[str]:
        """The Parquet files that count, by their names in the folder."""
        return {each.name for part in self._record.parts for each in (part.photos, part.faces)}

    @property
    def folders(self) -> Sequence[str]:
        """The folders whose photos were asked for, none below another, by their absolute paths."""
        return self._record.folders

    @property
    def photo_count(self) -> int:
        return sum(part.photos.rows for part in self._record.parts)

    @property
    def face_count(self) -> int:
        return sum(part.faces.rows for part in self._record.parts)

    def faces(
        self, columns: Sequence[str] | None = None, track: Track = silent
    ) -> Iterator[pa.RecordBatch]:
        """The faces, at most TOGETHER at once, with all columns or some; none twice."""
        parts = self._record.parts
        for part in track(parts, "Reading files of faces", len(parts)):
            yield from self._batches(part.faces, columns)

    def photos(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The photos, likewise."""
        for part in self._record.parts:
            yield from self._batches(part.photos, columns)

    def _batches(
        self, file: File, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        if not file.rows:
            return
        try:
            with self.place.reading(file.name) as stream:
                found = arrow("pyarrow.parquet").ParquetFile(stream)
                yield from found.iter_batches(TOGETHER, columns=columns and list(columns))
        except KnownfaceError as error:
            raise KnownfaceError(
                f"{error}; where the index is being written, try again, else make it anew"
            ) from None

    # ------------------------------------------------------------ writing
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Alone; what an interruption left is deleted before."""
        with self.place.locked():
            newest = Index.open(self.place)
            self._record = newest._record
            self._sweep()
            yield

    def commit(self, rows: Rows | None = None, without: AbstractSet[str] = frozenset()) -> None:
        """All at once: rows are added, and photos, by their paths, are no longer there.

        Inside `writing`. A path may be both: then its old rows give way to the new ones.
        """
        kept: list[Part] = []
        for part in self._record.parts:
            kept += self._written_without(part, without) if without else [part]
        if rows is not None and rows.photos.num_rows:
            photos, faces = ([table] for table in (rows.photos, rows.faces))
            kept.append(self._write(photos, faces))
        self._put(kept)

    def name_folders(self, folders: Iterable[str]) -> None:
        """These were named, too, by their absolute paths; inside `writing`."""
        every = {*self._record.folders, *folders}
        outer = [f for f in sorted(every) if every.isdisjoint(map(str, Path(f).parents))]
        if outer != self._record.folders:
            self._record = replace(self._record, folders=outer)
            self._put(self._record.parts)

    def date(self, modified: Mapping[str, int]) -> None:
        """Photos, by their paths, have other dates; inside `writing`."""
        kept = []
        for part in self._record.parts:
            if any(path in modified for path in self._paths(part)):
                rows = (_dated(batch, modified) for batch in self._batches(part.photos))
                part = replace(part, photos=self._write_file(PHOTOS, rows, photo_schema()))
            kept.append(part)
        self._put(kept)

    def compact(self) -> None:
        """Small parts become one where there are many, so that reading opens few files."""
        small = [part for part in self._record.parts if part.photos.rows < FULL]
        if len(small) < SMALL_PARTS:
            return
        merged, total = list[Part](), 0
        for part in sorted(small, key=lambda part: part.photos.rows):
            total += part.photos.rows
            if total <= 2 * FULL:  # which two of them always fit into
                merged.append(part)
        rest = [part for part in self._record.parts if part not in merged]
        photos = (batch for part in merged for batch in self._batches(part.photos))
        faces = (batch for part in merged for batch in self._batches(part.faces))
        self._put([*rest, self._write(photos, faces)])

    def _paths(self, part: Part) -> Iterator[str]:
        for batch in self._batches(part.photos, ["path"]):
            yield from batch["path"].to_pylist()

    def _written_without(self, part: Part, paths: AbstractSet[str]) -> list[Part]:
        """The part, or what is left of it in another one."""
        gone = [path for path in self._paths(part) if path in paths]
        if not gone:
            return [part]
        if len(gone) == part.photos.rows:
            return []
        compute, values = arrow("pyarrow.compute"), arrow().array(gone, arrow().string())

        def left(file: File, column: str) -> Iterator[pa.RecordBatch]:
            for batch in self._batches(file):
                yield batch.filter(compute.invert(compute.is_in(batch[column], values)))

        return [self._write(left(part.photos, "path"), left(part.faces, "photo"))]

    def _write(self, photos: Iterable[pa.Table], faces: Iterable[pa.Table]) -> Part:
        """A part of tables, or of record batches."""
        written = self._write_file(FACES, faces, face_schema(self.terms.width))
        return Part(self._write_file(PHOTOS, photos, photo_schema()), written)

    def _write_file(self, kind: str, rows: Iterable[pa.Table], schema: pa.Schema) -> File:
        parquet, count = arrow("pyarrow.parquet"), 0
        name = f"{kind}/{len(self._record.parts):06}-{uuid.uuid4().hex[:12]}.parquet"
        texts = [field.name for field in schema if field.name in TEXTS]
        with (
            self.place.writing(name) as stream,
            parquet.ParquetWriter(
                stream, schema, compression="zstd", use_dictionary=texts, write_statistics=texts
            ) as writer,
        ):
            for some in rows:
                count += some.num_rows
                writer.write(some, row_group_size=TOGETHER)
        return File(name, count)

    def _put(self, parts: list[Part]) -> None:
        """From here on these count, and what no longer does is deleted."""
        self.place.renew()
        record = replace(self._record, parts=parts)
        text = json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
        self.place.put(RECORD, text.encode())
        before = self.files
        self._record = record
        self._delete(before - self.files)

    def _sweep(self) -> None:
        counted = self.files
        for kind in (PHOTOS, FACES):
            self._delete({*self.place.names(kind)} - counted)

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            log.debug("%s: %s no longer counts", self.place.name, name)
            self.place.delete(name)


def _dated(batch: pa.RecordBatch, modified: Mapping[str, int]) -> pa.RecordBatch:
    rows = zip(batch["path"].to_pylist(), batch["modified"].to_pylist(), strict=True)
    dates = arrow().array([modified.get(path, date) for path, date in rows], arrow().int64())
    at = batch.schema.get_field_index("modified")
    return batch.set_column(at, batch.schema.field(at), dates)
