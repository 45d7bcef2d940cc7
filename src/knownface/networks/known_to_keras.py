"""`keras.models.load_model("embedder.keras")` works wherever knownface was imported.

Keras finds a layer that is not its own only where its module was imported before.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LAYERS = "knownface.networks.layers"


def make_layers_known() -> None:
    """Import them as soon as Keras is, and not before: most of knownface does without it."""
    if sys.modules.get("keras"):
        importlib.import_module(LAYERS)
    else:
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(MetaPathFinder):
    """Sees the first import of Keras, and is gone."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def and_then(module: ModuleType) -> None:
                execute(module)
                importlib.import_module(LAYERS)

            spec.loader.exec_module = and_then  # type: ignore[method-assign]
        return spec
