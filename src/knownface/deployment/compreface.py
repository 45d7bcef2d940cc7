"""Photos of a running CompreFace: who is known there, and the pictures of them.

Its address and its key come from the user; nothing else is asked, through no proxy and no redirect,
because the key would travel along. The calls are those of its REST description (since version 0.6).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError

log = logging.getLogger(__name__)

PAGE = 100  # faces of one answer
TIMEOUT = 30.0  # seconds without a word
LARGEST = 64 * 2**20  # bytes of an answer; CompreFace takes photos of 5 MB by default


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error like any other."""


class CompreFace:
    """A server, and the key of one of its recognition services.

    Raises KnownfaceError for an address that is none; its methods, where it does not answer.
    """

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        odd = parts.username or parts.query or parts.fragment or not parts.hostname
        if parts.scheme not in ("http", "https") or odd:
            raise KnownfaceError(
                f"{address!r:.80}: not the address of a server; write it as http://HOST:8000"
            )
        if not key.isascii() or not key.isprintable() or not key:
            raise KnownfaceError(f"{address}: the key is empty, or holds what no key holds")
        if parts.scheme == "http" and not _is_here(parts.hostname or ""):
            log.warning("%s: the key and the photos travel unencrypted", address)
        self.address, self._key = address.rstrip("/"), key
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), _NoRedirect)

    def faces(self) -> Iterator[tuple[str, str]]:
        """Name of the person and number of the picture, of each face that is enrolled there."""
        page, pages = 0, 1
        while page < pages:
            said = self._get(f"/api/v1/recognition/faces?page={page}&size={PAGE}")
            try:
                document = json.loads(said)
                found = [(str(each["subject"]), str(each["image_id"]))
                         for each in document["faces"]]  # fmt: skip
                pages = int(document.get("total_pages", 1))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise KnownfaceError(
                    f"{self.address}: answers, but not as CompreFace does; is that its address?"
                ) from None
            yield from found
            page += 1
            if not found:  # the last, whatever else it says
                return

    def photo(self, number: str) -> bytes:
        """The picture of a face; ImageError where the server has none of it."""
        data = self._get(f"/api/v1/recognition/faces/{quote(number, safe='')}/img", missing=b"")
        if not data:
            raise ImageError("the server keeps no picture of it (save_images_to_db was off)")
        return data

    def _get(self, path: str, missing: bytes | None = None) -> bytes:
        """What an address answers; `missing` where there is nothing (404), if that is allowed."""
        request = Request(self.address + path, headers={"x-api-key": self._key})
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                data: bytes = answer.read(LARGEST + 1)
        except HTTPError as error:
            with error:
                if error.code == 404 and missing is not None:
                    return missing
                raise KnownfaceError(f"{self.address}: {_meaning(error.code)}") from None
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise KnownfaceError(
                f"{self.address}: does not answer ({reason}); what came so far stays, and the same "
                "command goes on where it was"
            ) from None
        if len(data) > LARGEST:
            raise KnownfaceError(f"{self.address}: an answer of more than {LARGEST} bytes; refused")
        return data


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _meaning(code: int) -> str:
    if code in (401, 403):
        return f"refuses the key ({code}); give that of a face recognition service"
    if 300 <= code < 400:
        return f"sends elsewhere ({code}), and the key is not sent there; name that address itself"
    return f"answers with an error ({code}); look into its log"
