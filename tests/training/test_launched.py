"""What a launcher says of a process."""

from __future__ import annotations

import pytest

from knownface.errors import KnownfaceError
from knownface.training.launched import Place, place_of

KERAS = {
    "KERAS_DISTRIBUTION_JOB_ADDRESSES": "10.0.0.1:1234,10.0.0.2:1234",
    "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    "KERAS_DISTRIBUTION_PROCESS_ID": "1",
}
TORCHRUN = {"MASTER_ADDR": "node", "MASTER_PORT": "29500", "WORLD_SIZE": "4", "RANK": "3"}


def test_keras_says_who_a_process_is() -> None:
    assert place_of(KERAS) == Place("10.0.0.1:1234", 2, 1)


def test_torchrun_says_it_too_and_keeps_its_own_port() -> None:
    assert place_of(TORCHRUN) == Place("node:29501", 4, 3)
    beside = {"LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    assert place_of(TORCHRUN | beside) == Place("node:29501", 4, 3, device=1)


@pytest.mark.parametrize(
    "said", [{}, {"WORLD_SIZE": "1"}, {"MASTER_ADDR": "node"}, {"WORLD_SIZE": ""}]
)
def test_one_process_alone_is_nothing_special(said: dict[str, str]) -> None:
    assert place_of(said) is None
    assert place_of(KERAS | dict.fromkeys(KERAS, "1") | {next(iter(KERAS)): "a:1"} | {
        "KERAS_DISTRIBUTION_PROCESS_ID": "0"
    }) is None  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (KERAS | {"KERAS_DISTRIBUTION_NUM_PROCESSES": ""}, "needs .*NUM_PROCESSES as well"),
        (KERAS | {"KERAS_DISTRIBUTION_NUM_PROCESSES": "two"}, "must be a whole number, not two"),
        (KERAS | {"KERAS_DISTRIBUTION_PROCESS_ID": "2"}, "number 2 of 2; they count from 0 to 1"),
        (KERAS | {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "node"}, "must be host:port"),
        ({"WORLD_SIZE": "4"}, "needs MASTER_ADDR and MASTER_PORT and RANK as well"),
    ],
)
def test_what_is_missing_or_wrong_is_said(said: dict[str, str], words: str) -> None:
    with pytest.raises(KnownfaceError, match=words):
        place_of(said)
