"""The licence of a file and what its network learned from are stated apart."""

from __future__ import annotations

import pytest

import knownface
from knownface.networks.record import Backbone
from knownface.networks.zoo import BACKBONES


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_record_states_licence_and_training_data_apart(name: str) -> None:
    record = BACKBONES[name]
    assert record.licence
    assert record.training_data
    assert record.training_data != Backbone.training_data  # somebody looked for it
    assert record.disputed  # of no network here all is known
    described = record.describe(None)
    row = next(row for row in knownface.backbones() if row["name"] == name)
    for key in ("licence", "training_data", "disputed"):
        assert described[key] == row[key] == getattr(record, key)
    collections = ("MS-Celeb-1M", "VGGFace2", "CASIA-WebFace", "WebFace260M", "Glint360K")
    for collection in collections:
        assert (collection in record.training_data) == (collection in record.disputed)


def test_what_a_company_may_want_to_know() -> None:
    rows = {row["name"]: row for row in knownface.backbones()}
    free = {name for name, row in rows.items() if row["licence"] == "Apache-2.0"}
    assert free == {"auraface", "mini", "mobilefacenet", "sface"}
    assert not any(rows[name]["noncommercial"] for name in free)
    assert "withdrawn by Microsoft in 2019" in rows["mobilefacenet"]["disputed"]
    assert "withdrawn by Microsoft in 2019" in rows["mini"]["disputed"]  # through its teacher
    assert "commercially and publicly available" in rows["auraface"]["training_data"]
    assert "name no data" in rows["auraface"]["disputed"]
    assert "not stated" in rows["sface"]["training_data"]
