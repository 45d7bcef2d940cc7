"""What an export may lose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knownface.deployment.gate import Comparison, Rates
from knownface.errors import KnownfaceError

SAME = Rates(0.9875, 0.95, 0.01, 0.45)
FAIR = Comparison(
    "onnx", "int8", 0.99, 0.95, 340, 160, 100, SAME, SAME, 0.003, 10, 40, 200.0, 100.0, "CPU"
)


def lost(photos: int, strangers: int = 100, **rates: float) -> dict[str, int]:
    return replace(
        FAIR, photos=photos, strangers=strangers, exported=replace(SAME, **rates)
    ).losses()


def test_one_photo_is_the_least_that_a_test_can_see() -> None:
    assert lost(160, dir=0.95 - 1 / 160) == {}
    assert lost(160, dir=0.95 - 2 / 160) == {"DIR": 2}
    assert lost(160, accuracy=0.9875 - 2 / 160, far=0.03) == {"accuracy": 2, "FAR": 2}


def test_of_many_photos_a_share_may_be_lost() -> None:
    assert lost(10_000, dir=0.95 - 30 / 10_000) == {}
    assert lost(10_000, dir=0.95 - 31 / 10_000) == {"DIR": 31}


def test_what_is_better_is_accepted() -> None:
    assert lost(160, accuracy=1.0, dir=1.0, far=0.0) == {}
    FAIR.check()


def test_a_refusal_has_the_numbers() -> None:
    bad = replace(FAIR, exported=replace(SAME, dir=0.5))
    with pytest.raises(
        KnownfaceError, match=r"72 photos lost in DIR.*DIR 50\.0 % \(float32: 95\.0 %\)"
    ):
        bad.check()


def test_without_a_test_the_embeddings_decide() -> None:
    nothing = Rates(None, None, None, 0.45)
    untested = replace(FAIR, photos=0, strangers=0, exported=nothing, run=nothing)
    untested.check()
    with pytest.raises(KnownfaceError, match=r"worst 0\.8000"):
        replace(untested, cosine_worst=0.8).check()


def test_few_photos_do_not_excuse_a_network_that_computes_something_else() -> None:
    with pytest.raises(KnownfaceError, match=r"Refused, for a mean cosine below 0\.95"):
        replace(FAIR, cosine_mean=0.9).check()
