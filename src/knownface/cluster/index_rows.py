"""The rows of an index: what is kept of a photo, and of each of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from knownface.cluster.index_place import arrow
from knownface.embed.stream import EmbeddedPhoto
from knownface.faces.face import Crop, PhotoFaces
from knownface.faces.portrait import encode
from knownface.faces.quality import measure_quality, score

if TYPE_CHECKING:
    import pyarrow as pa

MARK = 32  # bytes of a fingerprint, see `PhotoFaces`


class PhotoFile(NamedTuple):
    """A photo's file as it was before it was read.

    path: absolute, symbolic links as they are. modified: in nanoseconds since 1970.
    """

    path: str
    bytes: int
    modified: int


@dataclass(frozen=True)
class Rows:
    """Rows of photos, and those of all their faces: tables of `photo_schema` and `face_schema`."""

    photos: pa.Table
    faces: pa.Table

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        """At least one."""
        join = arrow().concat_tables
        return cls(join([each.photos for each in parts]), join([each.faces for each in parts]))

    @property
    def streams(self) -> tuple[bytes, bytes]:
        """The tables as streams of Arrow's IPC: pickled tables forget names inside their lists."""
        return _stream(self.photos), _stream(self.faces)

    @classmethod
    def of_streams(cls, photos: bytes, faces: bytes) -> Rows:
        read = arrow("pyarrow.ipc").open_stream
        return cls(read(photos).read_all(), read(faces).read_all())

    def __reduce__(self) -> tuple[Any, ...]:
        return Rows.of_streams, self.streams


def _stream(table: pa.Table) -> bytes:
    sink = arrow().BufferOutputStream()
    with arrow("pyarrow.ipc").new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def photo_schema() -> pa.Schema:
    """A row for each photo, readable or not, with faces or without.

    path: absolute. digest: hex BLAKE2b-128 of the file, null where it could not be read. bytes,
    modified (nanoseconds since 1970): of the file when it was read. width, height: upright, in
    pixels. taken: by the camera's clock, seconds since 1970. fingerprint: see `PhotoFaces`. faces:
    how many. error: why it could not be read.
    """
    a = arrow()
    return a.schema([
        a.field("path", a.string(), nullable=False),
        a.field("digest", a.string()),
        a.field("bytes", a.int64(), nullable=False),
        a.field("modified", a.int64(), nullable=False),
        a.field("width", a.int32()),
        a.field("height", a.int32()),
        a.field("taken", a.float64()),
        a.field("fingerprint", a.binary(MARK)),
        a.field("faces", a.int32(), nullable=False),
        a.field("error", a.string()),
    ])  # fmt: skip


def face_schema(width: int) -> pa.Schema:
    """A row for each face. width: numbers of an embedding.

    photo, digest, photo_width, photo_height, taken: of its photo. face: its number there, from 0.
    box: x, y, width, height; landmarks: x and y of the five points of `Face`, NaN in ready crops;
    both in pixels of the photo. score: the detector's. quality: see `faces/quality.py`, and
    sharpness. embedding: unit length. portrait: a JPEG, see `faces/portrait.py`; of a ready crop,
    what the network saw.
    """
    a = arrow()
    number = a.field("element", a.float32(), nullable=False)
    return a.schema([
        a.field("photo", a.string(), nullable=False),
        a.field("digest", a.string(), nullable=False),
        a.field("face", a.int32(), nullable=False),
        a.field("box", a.list_(number, 4), nullable=False),
        a.field("landmarks", a.list_(number, 10), nullable=False),
        a.field("score", a.float32(), nullable=False),
        a.field("quality", a.float32(), nullable=False),
        a.field("sharpness", a.float32(), nullable=False),
        a.field("photo_width", a.int32(), nullable=False),
        a.field("photo_height", a.int32(), nullable=False),
        a.field("taken", a.float64()),
        a.field("embedding", a.list_(number, width), nullable=False),
        a.field("portrait", a.binary(), nullable=False),
    ])  # fmt: skip


def numbers_of(column: Any) -> np.ndarray:
    """A column of `box`, `landmarks` or `embedding` as float32 (n, d); read-only.

    column: of a record batch or a table.
    """
    width = column.type.list_size
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    flat: np.ndarray = column.flatten().to_numpy(zero_copy_only=True)
    return flat.reshape(-1, width)


def rows_of(found: Sequence[tuple[PhotoFile, EmbeddedPhoto]], crop: Crop, width: int) -> Rows:
    """The rows of photos. crop: the network's geometry; width: numbers of an embedding."""
    photos = [_photo_row(file, each.photo) for file, each in found]
    faces = [row for file, each in found for row in _face_rows(file, each, crop)]
    return Rows(_table(photos, photo_schema()), _table(faces, face_schema(width)))


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    a = arrow()
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        if not a.types.is_fixed_size_list(field.type):
            columns.append(a.array(values, field.type))
            continue
        width = field.type.list_size
        flat = np.reshape(np.asarray(values, np.float32), (len(rows), width)).ravel()
        columns.append(a.FixedSizeListArray.from_arrays(a.array(flat), type=field.type))
    return a.Table.from_arrays(columns, schema=schema)


def _photo_row(file: PhotoFile, photo: PhotoFaces) -> dict[str, Any]:
    width, height = photo.size or (None, None)
    return {
        "path": file.path,
        "digest": photo.digest or None,
        "bytes": file.bytes,
        "modified": file.modified,
        "width": width,
        "height": height,
        "taken": photo.taken,
        "fingerprint": None if photo.fingerprint is None else photo.fingerprint.tobytes(),
        "faces": len(photo.faces),
        "error": photo.error,
    }


def _face_rows(file: PhotoFile, each: EmbeddedPhoto, crop: Crop) -> list[dict[str, Any]]:
    photo = each.photo
    size = photo.size or (0, 0)
    pictures = photo.crops if photo.portraits is None else photo.portraits
    rows = []
    faces = zip(photo.faces, photo.crops, pictures, each.embeddings, strict=True)
    for number, (face, pixels, picture, embedding) in enumerate(faces):
        quality = measure_quality(pixels, face, crop)
        rows.append({
            "photo": file.path,
            "digest": photo.digest,
            "face": number,
            "box": face.box,
            "landmarks": face.landmarks.ravel(),
            "score": face.score,
            "quality": score(quality),
            "sharpness": quality.sharpness,
            "photo_width": size[0],
            "photo_height": size[1],
            "taken": photo.taken,
            "embedding": embedding,
            "portrait": encode(picture),
        })  # fmt: skip
    return rows
