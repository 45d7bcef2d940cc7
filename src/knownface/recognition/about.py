"""How a recogniser was made, as its artifact records it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any

from knownface.files.values import Must, from_json

Named = Annotated[
    dict[str, Any],
    Must("an object whose name is text", lambda backbone: type(backbone.get("name", "")) is str),
]


@dataclass(frozen=True)
class About:
    """What a recogniser's file says of its making.

    backbone: as `Backbone.describe` gives it; weights: name and SHA-256 of the file it began with.
    detector: what found the faces in training; None for ready crops.
    versions: of Python and the packages that decide results.
    """

    backbone: Named = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
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
    def taken_from(cls, document: dict[str, Any]) -> About:
        """Take its parts out of a document that holds other things besides; raises ValueError."""
        names = [field.name for field in fields(cls)]
        if missing := sorted(set(names) - set(document)):
            raise ValueError(f"the document lacks {missing[0]!r}")
        return from_json(cls, {name: document.pop(name) for name in names})
