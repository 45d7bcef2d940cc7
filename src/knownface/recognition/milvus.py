"""Where a Milvus database is, and how it is asked; pymilvus is used here alone."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from knownface.errors import GalleryError, KnownfaceError

PORT = 19530
SECONDS = 5.0  # until an address that does not answer is given up
PLAIN, TLS = "milvus", "milvus+tls"


class Milvus:
    """A database of Milvus, or a file of Milvus Lite; safe from any thread.

    address: `milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `milvus+tls://...` for one with TLS,
    or `milvus:///FOLDER/FILE.db` for Milvus Lite. create: make the database if it is not there.
    name: the address without the password. Raises KnownfaceError where it does not answer.
    """

    def __init__(self, address: str, create: bool = False) -> None:
        self.name = shown(address)
        self.library, self._lite = _library(), not _parsed(address).hostname
        self._errors = (
            self.library.MilvusException, importlib.import_module("grpc").RpcError, OSError,
            ValueError,
        )  # fmt: skip
        try:
            self._client = self._connected(_parsed(address), create)
        except self._errors as error:
            raise self._unanswered(error) from None

    def ask(self, what: str, *given: Any, seconds: float = SECONDS, **options: Any) -> Any:
        """Call a method of `pymilvus.MilvusClient`; GalleryError where it cannot be done."""
        return self.get(getattr(self._client, what), *given, timeout=seconds, **options)

    def get(self, what: Any, *given: Any, **options: Any) -> Any:
        """The same of anything that it gave."""
        try:
            return what(*given, **options)
        except self._errors as error:
            raise self._unanswered(error) from None

    def new(self) -> tuple[Any, Any]:
        """An empty schema and an empty list of indices, to be filled."""
        return self._client.create_schema(), self._client.prepare_index_params()

    @cached_property
    def is_lite(self) -> bool:
        """Whether it is Milvus Lite, be it as a file or as a server."""
        return str(self.ask("get_server_version")).startswith("milvus_lite")

    def _connected(self, place: SplitResult, create: bool) -> Any:
        if not place.hostname:
            if importlib.util.find_spec("milvus_lite") is None:
                raise KnownfaceError(f"{self.name}: needs Milvus Lite: {EXTRA}")
            if not place.path.endswith(".db"):  # it would take it for something else
                raise KnownfaceError(f"{self.name}: a file of Milvus Lite has to end with .db")
            if not Path(place.path).parent.is_dir():
                raise KnownfaceError(f"{self.name}: its folder is not there; make it")
            return self.library.MilvusClient(place.path)
        host = f"[{place.hostname}]" if ":" in place.hostname else place.hostname
        known: dict[str, Any] = {
            "uri": f"{'https' if place.scheme == TLS else 'http'}://{host}:{place.port or PORT}",
            "user": unquote(place.username or ""), "password": unquote(place.password or ""),
            "timeout": SECONDS,
        }  # fmt: skip
        client, database = self.library.MilvusClient(**known), place.path.strip("/")
        if not database:
            return client
        if create and database not in client.list_databases(timeout=SECONDS):
            client.create_database(database, timeout=SECONDS)
        client.close()
        return self.library.MilvusClient(**known, db_name=database)

    def _unanswered(self, error: Exception) -> GalleryError:
        said = error.details() if hasattr(error, "details") else getattr(error, "message", error)
        why = str(said).splitlines() or [type(error).__name__]
        mend = "have one process open it at a time" if self._lite else "start it"
        return GalleryError(
            f"{self.name}: the shared gallery does not answer ({why[0]:.160}); {mend}, or name "
            "another address"
        )


EXTRA = "pip install 'knownface[milvus]'"


def shown(address: str) -> str:
    """An address without its password, for sentences."""
    place = _parsed(address)
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"


def _parsed(address: str) -> SplitResult:
    try:
        place = urlsplit(address)
        _ = place.port
        if place.scheme in (PLAIN, TLS) and (place.hostname or place.path.strip("/")):
            return place
    except ValueError:
        pass
    raise KnownfaceError(
        f"{address!r:.80}: must be like milvus://HOST:{PORT}/DATABASE, milvus+tls://HOST, or "
        "milvus:///FOLDER/FILE.db for Milvus Lite"
    )


def _library() -> Any:
    """Pymilvus, which logs nothing: what it sends are faces, and what goes wrong is said here."""
    before = dict(os.environ)
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "GRPC_VERBOSITY": "NONE"}  # it would read .env
    try:
        library = importlib.import_module("pymilvus")
    except ImportError:
        raise KnownfaceError(f"a shared gallery needs pymilvus: {EXTRA}") from None
    finally:
        del os.environ["PYTHON_DOTENV_DISABLED"]
        os.environ |= before
    for name in ("pymilvus", "milvus_lite", "faiss"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return library
