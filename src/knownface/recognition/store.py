"""What servers that share a gallery keep in Milvus: rows of tables, and vectors to be found.

Nothing in Milvus is a transaction; but an entity is written as a whole, and a reader who asks for
the consistency `Strong` sees all that was written before. `living/shared.py` rests on these two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from threading import RLock
from typing import Any

import numpy as np

from knownface.errors import KnownfaceError
from knownface.recognition.milvus import Milvus

ROWS = "knownface_rows"
# A row's text lies in several fields: one holds 65,535 bytes, and a portrait may have more.
PARTS = tuple(f"part{i}" for i in range(4))
MOST = 65_535
LONG = 600.0  # seconds for what takes long: a million people, files that are written again
BATCH = 1 << 23  # bytes that are sent at once; Milvus takes 64 MB
PAGE = 500  # rows that are read at once
TOGETHER = 64  # faces that are looked for at once
# Every vector is looked at, in 8 bits a number, so in a quarter of the memory. Of a million that
# have nothing in common, a graph (HNSW, 16 links, 512 looked at) found the best for 84 % of faces
# with a cosine of 0.5 (benchmarks/shared_gallery.py).
KIND, INDEX, LOOKED = "IVF_SQ8", {"nlist": 16}, {"nprobe": 16}
CANDIDATES = 16  # people of whom one is the best, who are then compared exactly


class Store:
    """Of one gallery, in a database of its own; see `Milvus`, whose errors each method raises."""

    def __init__(self, address: str, create: bool = False) -> None:
        self._milvus = Milvus(address, create)
        self.name, self._ask = self._milvus.name, self._milvus.ask
        self._ready, self._lock = set[str](), RLock()

    # ------------------------------------------------------------ rows
    def put(
        self, rows: Mapping[str, tuple[int, str]], between: Callable[[], None] | None = None
    ) -> None:
        """Write rows, each in place of what had its key: a number, and a text.

        between: called after each part of very many.
        """
        self._make(ROWS)
        waiting, size = list[dict[str, Any]](), 0
        for key, (number, text) in rows.items():
            waiting.append(_entity(key, number, text))
            size += len(text) + 200
            if size > BATCH:
                self._ask("upsert", ROWS, waiting, seconds=LONG)
                waiting, size = [], 0
                if between:
                    between()
        if waiting:
            self._ask("upsert", ROWS, waiting, seconds=LONG)

    def rows(self, condition: str) -> Iterator[tuple[str, int, str]]:
        """Key, number and text of the rows of which something is so: `number > 3`."""
        if self._has(ROWS):
            for page in self._pages(ROWS, condition, ["key", "number", *PARTS]):
                for row in page:
                    yield row["key"], int(row["number"]), _text(row)

    def some(self, condition: str, strong: bool = True) -> dict[str, str]:
        """Texts by key of a few rows, PAGE at most, all as they were at one moment.

        strong: also of what was written just now.
        """
        if not self._has(ROWS):
            return {}
        found = self._ask(
            "query", ROWS, filter=condition, output_fields=["key", *PARTS], limit=PAGE,
            consistency_level="Strong" if strong else "Eventually",
        )  # fmt: skip
        return {row["key"]: _text(row) for row in found}

    def drop(self, condition: str) -> None:
        """Delete rows."""
        if self._has(ROWS):
            self._ask("delete", ROWS, filter=condition)

    # ------------------------------------------------------------ vectors
    def place(self, space: str, ids: Sequence[int], vectors: np.ndarray) -> None:
        """Let vectors (n, w) be found in a space, each in place of what had its id."""
        name = self._make(_of(space), vectors.shape[1])
        entities = [
            {"id": int(id), "vector": vector}
            for id, vector in zip(ids, np.asarray(vectors, np.float32), strict=True)
        ]
        together = max(1, BATCH // (4 * vectors.shape[1]))
        for start in range(0, len(entities), together):
            self._ask("upsert", name, entities[start : start + together], seconds=LONG)

    def displace(self, space: str, ids: Sequence[int]) -> None:
        """Let ids be found no more."""
        if ids and self._has(_of(space)):
            self._ask("delete", _of(space), ids=list(ids))

    def nearest(self, space: str, vectors: np.ndarray) -> list[list[int]]:
        """For each of n vectors (n, w), the ids with the largest inner products."""
        if not self._has(_of(space)):
            return [[] for _ in vectors]
        found: list[list[int]] = []
        for start in range(0, len(vectors), TOGETHER):
            answer = self._ask(
                "search", _of(space), limit=CANDIDATES, consistency_level="Eventually",
                data=list(np.asarray(vectors[start : start + TOGETHER], np.float32)),
                search_params={"metric_type": "IP", "params": LOOKED},
            )  # fmt: skip
            found += [[int(hit["id"]) for hit in hits] for hits in answer]
        return found

    def holds(self, space: str, ids: Sequence[int]) -> int:
        """How many of some ids can be found."""
        if not ids or not self._has(_of(space)):
            return 0
        held = self._ask(
            "get", _of(space), ids=list(ids), output_fields=["id"], consistency_level="Strong"
        )
        return len(held)

    def index_of(self, space: str) -> dict[str, Any]:
        """What Milvus says of how it finds a space: `indexed_rows`, among others."""
        return dict(self._ask("describe_index", _of(space), "vector"))

    # ------------------------------------------------------------ all of it
    def rewrite(self, spaces: Sequence[str]) -> None:
        """Have what was deleted left out of the files, while nobody else writes.

        Milvus is told to, and does it in its own time; for Milvus Lite, which never does, files are
        written anew.
        """
        for name in filter(self._has, (ROWS, *map(_of, spaces))):
            if self._milvus.is_lite:
                self._copy(name)
            else:
                self._ask("flush", name, seconds=LONG)
                self._ask("compact", name, seconds=LONG)

    def clear(self, spaces: Sequence[str]) -> None:
        """Delete all vectors."""
        for name in filter(self._has, map(_of, spaces)):
            self._drop(name)

    # ------------------------------------------------------------ inside
    def _has(self, name: str) -> bool:
        if name not in self._ready and self._ask("has_collection", name):
            self._ask("load_collection", name, seconds=LONG)
            self._ready.add(name)
        return name in self._ready

    def _make(self, name: str, width: int = 2) -> str:
        """A collection that may not be there yet. Each has to have vectors; a row's say nothing."""
        with self._lock:
            if self._has(name):
                return name
            kinds = self._milvus.library.DataType
            schema, index = self._milvus.new()
            if name.startswith(ROWS):
                schema.add_field("key", kinds.VARCHAR, is_primary=True, max_length=200)
                schema.add_field("number", kinds.INT64)
                for part in PARTS:
                    schema.add_field(part, kinds.VARCHAR, max_length=MOST)
                index.add_index("vector", index_type="FLAT", metric_type="L2")
            else:
                schema.add_field("id", kinds.INT64, is_primary=True)
                index.add_index("vector", index_type=KIND, metric_type="IP", params=INDEX)
            schema.add_field("vector", kinds.FLOAT_VECTOR, dim=width)
            self._ask(
                "create_collection", name, schema=schema, index_params=index, num_shards=1,
                consistency_level="Strong", seconds=LONG,
            )  # fmt: skip
            self._ready.add(name)
        return name

    def _copy(self, name: str) -> None:
        """Put a copy in the place of a collection: nothing that was deleted is in it."""
        aside = f"{name}_copy"
        if self._has(aside):
            self._drop(aside)
        for page in self._pages(name, "", ["*"]):
            self._make(aside, len(page[0]["vector"]))
            self._ask("upsert", aside, page, seconds=LONG)
        self._drop(name)
        if self._has(aside):
            self._ask("flush", aside, seconds=LONG)
            self._ask("rename_collection", aside, name)
            self._ready.discard(aside)

    def _pages(
        self, name: str, condition: str, fields: list[str]
    ) -> Iterator[list[dict[str, Any]]]:
        pages = self._ask(
            "query_iterator", name, batch_size=PAGE, filter=condition, output_fields=fields,
            consistency_level="Strong", seconds=LONG,
        )  # fmt: skip
        try:
            while page := self._milvus.get(pages.next):
                yield [dict(row) for row in page]
        finally:
            pages.close()

    def _drop(self, name: str) -> None:
        self._ask("drop_collection", name, seconds=LONG)
        self._ready.discard(name)


@cache
def store_at(address: str) -> Store:
    """One for a process; raises KnownfaceError where it does not answer."""
    return Store(address)


def _of(space: str) -> str:
    """The collection of a space."""
    return f"knownface_{space}"


def _entity(key: str, number: int, text: str) -> dict[str, Any]:
    pieces = [text[start : start + MOST] for start in range(0, len(text), MOST)]
    if len(pieces) > len(PARTS):
        raise KnownfaceError(
            f"{key}: {len(text):,} characters, and a shared gallery takes {MOST * len(PARTS):,}"
        )
    pieces += [""] * (len(PARTS) - len(pieces))
    parts = dict(zip(PARTS, pieces, strict=True))
    return {"key": key, "number": number, "vector": [0.0, 0.0], **parts}


def _text(row: Mapping[str, Any]) -> str:
    return "".join(row[part] for part in PARTS)
