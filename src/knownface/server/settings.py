"""Everything that decides how a recogniser is served: each option's name, default and check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from knownface.errors import KnownfaceError
from knownface.options import Device, Option, argument, checked, options_of, refuses_unknown

MIB = 2**20


def _at_least(least: float, help: str, flag: str = "") -> Option:
    fits: Callable[[float], bool] = lambda value: value >= least  # noqa: E731
    return Option(help, flag, f"at least {least:g}", fits)


@refuses_unknown
@dataclass(frozen=True, repr=False)
class Settings:
    """What `serve` is asked for.

    host: the address to listen on; port: 0 takes a free one.
    keys: the file of keys, hashed; None is `keys.json` in the recognizer folder.
    names: host names under which browsers reach the server, besides addresses and `localhost`.
    megabytes: MiB of one photo; request_megabytes: of one request; held_megabytes: of all requests
        together. megapixels: of one photo, in millions. faces: of one photo. photos: of one
        request. seconds: that a request may take.
    waiting: photos that may wait for the network; waiting_each: of one client.
    keep_days: days for which unknown faces and sightings are remembered; 0: nothing is.
    webhook, mqtt: addresses that are told who was seen.
    Raises KnownfaceError where a value is wrong.
    """

    recognizer: Annotated[Path | str, Option("A run or recognizer folder.")]
    _: KW_ONLY
    host: Annotated[str, Option("Address to listen on; any but this machine's needs a key.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        Option(
            "0 takes a free one.",
            wanted="between 0 and 65535",
            fits=lambda port: 0 <= port < 2**16,
        ),
    ] = 8000
    keys: Annotated[
        Path | str | None, Option("File of keys; default: keys.json in the recognizer folder.")
    ] = None
    names: Annotated[
        Sequence[str], Option("Host names of this server, separated by commas.", "--host-names")
    ] = ()
    certificate: Annotated[Path | str | None, Option("TLS certificates, PEM.")] = None
    certificate_key: Annotated[Path | str | None, Option("Their private key, PEM.")] = None
    keep_days: Annotated[
        float, _at_least(0, "Days to remember unknown faces and sightings; 0: nothing is.")
    ] = 0.0
    megabytes: Annotated[float, _at_least(0.001, "MiB of a photo.", "--max-megabytes")] = 25.0
    request_megabytes: Annotated[
        float, _at_least(0.001, "MiB of a request.", "--max-request-megabytes")
    ] = 100.0
    held_megabytes: Annotated[
        float, _at_least(0.001, "MiB of all requests.", "--max-held-megabytes")
    ] = 512.0
    megapixels: Annotated[
        float, _at_least(0.001, "Million pixels of a photo.", "--max-megapixels")
    ] = 120.0
    faces: Annotated[int, _at_least(1, "Faces of a photo.", "--max-faces")] = 500
    photos: Annotated[int, _at_least(1, "Photos of a request.", "--max-photos")] = 32
    seconds: Annotated[float, _at_least(0.1, "Time for a request.", "--max-seconds")] = 60.0
    waiting: Annotated[int, _at_least(1, "Photos that may wait.", "--max-waiting")] = 256
    waiting_each: Annotated[int, _at_least(1, "Of one client.", "--max-waiting-each")] = 128
    webhook: Annotated[str | None, Option("Address told of each person seen, as JSON.")] = None
    mqtt: Annotated[str | None, Option("The same by MQTT: mqtt://HOST[:PORT]/TOPIC.")] = None
    log_names: Annotated[bool, Option("The log says who was seen.")] = False
    device: Device = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.names, str):  # the command line's commas
            object.__setattr__(self, "names", tuple(filter(None, self.names.split(","))))
        for name, kind in options_of(type(self)).items():
            object.__setattr__(self, name, checked(name, kind, getattr(self, name)))
        if bool(self.certificate) != bool(self.certificate_key):
            raise KnownfaceError(
                f"{argument('certificate')} and {argument('certificate_key')} go together; give "
                "both, or neither"
            )

    @property
    def is_local(self) -> bool:
        """Whether nobody outside this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def tls(self) -> bool:
        return self.certificate is not None

    @property
    def photo_bytes(self) -> int:
        return int(self.megabytes * MIB)

    @property
    def request_bytes(self) -> int:
        return int(self.request_megabytes * MIB)

    @property
    def held_bytes(self) -> int:
        return int(self.held_megabytes * MIB)

    @property
    def pixels(self) -> int:
        return int(self.megapixels * 1_000_000)
