"""API keys: who holds one may recognise, or manage too."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from knownface.errors import KnownfaceError
from knownface.files.runs import write_json
from knownface.files.values import read_json
from knownface.files.whole import whole_file

Role = Literal["recognise", "manage"]
ROLES: tuple[Role, ...] = get_args(Role)
FILE = "keys.json"
VARIABLES: dict[str, Role] = {
    "KNOWNFACE_RECOGNISE_KEY": "recognise", "KNOWNFACE_MANAGE_KEY": "manage",
}  # fmt: skip
SHORTEST = 32  # characters of a key from the environment: 128 bits in hexadecimal


@dataclass(frozen=True)
class Key:
    """What is kept of a key: hex SHA-256 and role; id: the first digits, for logs."""

    digest: str
    role: Role

    @property
    def id(self) -> str:
        return self.digest[:8]


class Keys:
    """The keys that are valid.

    A key is 256 random bits, so one round of SHA-256 is right for keeping it: there is nothing to
    guess, and slow hashes with a salt are for passwords, which people choose.
    """

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    @classmethod
    def load(cls, file: Path) -> Keys:
        """Those of a file, if it is there, and of the environment. Raises KnownfaceError."""
        keys = list(_read(file))
        for variable, role in VARIABLES.items():
            if given := os.environ.get(variable):
                if len(given) < SHORTEST:
                    raise KnownfaceError(
                        f"{variable}: a key has at least {SHORTEST} characters; make one with "
                        "`openssl rand -hex 32`"
                    )
                keys.append(Key(_digest(given), role))
        return cls(keys)

    def find(self, text: str) -> Key | None:
        """The key with that text, after as long as for any other."""
        digest, found = _digest(text), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found


def new_key(file: Path, role: Role) -> str:
    """Make a key, add its hash to a file, and give the key, which nobody can read again."""
    if role not in ROLES:
        raise KnownfaceError(f"a key's role is {' or '.join(ROLES)}, not {role!r}")
    text = f"knownface-{role}-{secrets.token_urlsafe(32)}"
    keys = [*_read(file), Key(_digest(text), role)]
    try:
        with whole_file(file) as part:
            write_json(part, {"keys": [{"sha256": key.digest, "role": key.role} for key in keys]})
            part.chmod(0o600)
    except OSError as error:
        raise KnownfaceError(f"{file}: cannot be written ({error.strerror})") from None
    return text


def _read(file: Path) -> list[Key]:
    if not file.exists():
        return []
    try:
        document: Any = read_json(file)
        return [_key(each) for each in document["keys"]]
    except (TypeError, KeyError, ValueError, OSError):
        raise KnownfaceError(
            f"{file}: not a file of keys; delete it, and make new keys with new_key"
        ) from None


def _key(said: dict[str, str]) -> Key:
    role = said["role"]
    if role not in ROLES or len(bytes.fromhex(said["sha256"])) != 32:
        raise ValueError(json.dumps(said))
    return Key(said["sha256"], role)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
