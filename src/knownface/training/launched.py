"""What a launcher says in environment variables of the processes that train together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knownface.errors import KnownfaceError

# Keras' own names, which `keras.distribution.initialize` reads, and those of torchrun.
KERAS = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)
TORCHRUN = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")


class Helped(Exception):
    """Said in a process that has done its part of a training: the first one goes on alone."""


@dataclass(frozen=True)
class Place:
    """Who a process is: its number from 0, of how many, and where they meet, `host:port`.

    device: the one accelerator of its machine that is its own, where it does not have all.
    """

    address: str
    count: int
    number: int
    device: int | None = None


def place_of(said: Mapping[str, str]) -> Place | None:
    """None where there is one process alone.

    Where it is torchrun, JAX takes the port after MASTER_PORT, on which torchrun itself listens.
    Raises KnownfaceError where a variable is missing or no number.
    """
    if any(said.get(name) for name in KERAS):
        place = _as_keras_says(said)
    elif said.get("WORLD_SIZE", "1") not in ("", "1"):
        place = _as_torchrun_says(said)
    else:
        return None
    if not 0 <= place.number < place.count:
        raise KnownfaceError(
            f"This process has number {place.number} of {place.count}; they count from 0 to "
            f"{place.count - 1}, in {KERAS[2]} or RANK"
        )
    return place if place.count > 1 else None


def _as_keras_says(said: Mapping[str, str]) -> Place:
    _complete(said, KERAS)
    address = said[KERAS[0]].split(",")[0].strip()
    if not address.rpartition(":")[2].isdigit():
        raise KnownfaceError(f"{KERAS[0]} must be host:port of the first process, not {address}")
    return Place(address, _number(said, KERAS[1]), _number(said, KERAS[2]))


def _as_torchrun_says(said: Mapping[str, str]) -> Place:
    _complete(said, TORCHRUN)
    address = f"{said['MASTER_ADDR']}:{_number(said, 'MASTER_PORT') + 1}"
    beside = said.get("LOCAL_WORLD_SIZE", "1") != "1" and "LOCAL_RANK" in said
    device = _number(said, "LOCAL_RANK") if beside else None
    return Place(address, _number(said, "WORLD_SIZE"), _number(said, "RANK"), device)


def _complete(said: Mapping[str, str], names: tuple[str, ...]) -> None:
    if missing := [name for name in names if not said.get(name)]:
        given = next(name for name in names if said.get(name))
        raise KnownfaceError(
            f"Training on several hosts needs {' and '.join(missing)} as well; set it in every "
            f"process, or unset {given} to train in one"
        )


def _number(said: Mapping[str, str], name: str) -> int:
    try:
        return int(said[name])
    except ValueError:
        raise KnownfaceError(f"{name} must be a whole number, not {said[name]}") from None
