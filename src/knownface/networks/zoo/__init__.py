"""The registry: every module of this package that defines `BACKBONES` adds those networks.

Adding one takes one file. Names, table, command line and parametrised tests read `BACKBONES`.
"""

from __future__ import annotations

import importlib
import pkgutil

from knownface.errors import KnownfaceError
from knownface.networks.record import Backbone


def _discover() -> dict[str, Backbone]:
    names = (module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    records = (record for module in modules for record in getattr(module, "BACKBONES", ()))
    return {record.name: record for record in records}


BACKBONES: dict[str, Backbone] = _discover()


def get_backbone(name: str) -> Backbone:
    """The record of that name. Raises KnownfaceError."""
    if name not in BACKBONES:
        raise KnownfaceError(
            f"There is no backbone '{name}'; choose one of: auto, {', '.join(sorted(BACKBONES))}"
        )
    return BACKBONES[name]
