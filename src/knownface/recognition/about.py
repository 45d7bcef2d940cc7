"""How a recogniser was made, as its artifact records it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class About:
    """What a recogniser's file says of its making.

    backbone: as `Backbone.describe` gives it; weights: name and SHA-256 of the file it began with.
    detector: what found the faces in training; None for ready crops.
    versions: of Python and the packages that decide results.
    """

    backbone: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    licence: str = ""
    detector: str | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def backbone_name(self) -> str:
        return str(self.backbone.get("name", ""))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> About:
        """Read it from a document that holds other things besides; KeyError if a part misses."""
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})
