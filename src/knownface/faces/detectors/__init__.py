"""The registry: every module of this package that defines `DETECTOR` adds that detector.

Adding one takes one file.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.faces.face import Detector, DetectorRecord
from knownface.files.download import DamagedFile, WeightError
from knownface.options import argument
from knownface.progress import Track, silent

log = logging.getLogger(__name__)


def _discover() -> dict[str, DetectorRecord]:
    names = (module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    records = [module.DETECTOR for module in modules if hasattr(module, "DETECTOR")]
    return {record.name: record for record in sorted(records, key=lambda each: each.rank)}


DETECTORS: dict[str, DetectorRecord] = _discover()


def load_detector(
    track: Track = silent, name: str | None = None, file: Path | None = None
) -> Detector:
    """The best detector whose files can be had, or the one that `name` asks for, if it can.

    name: the detector that a recogniser was trained with; None where nobody has a wish.
    file: of that detector, where the recogniser carries it.
    Raises KnownfaceError where no detector can be had; DamagedFile where a file is here and is
    not the detector's, so that no other one takes its place unnoticed.
    """
    order = sorted(DETECTORS.values(), key=lambda record: record.name != name)
    failures: list[str] = []
    for record in order:
        try:
            detector = record.load(track, file if record.name == name else None)
        except DamagedFile:
            raise
        except WeightError as error:
            failures.append(str(error))
            continue
        if failures:
            log.debug("%s", failures[0])
            log.warning("Detector: %s", record.instead)
        return detector
    raise KnownfaceError(
        f"No face detector: {'; or, '.join(failures)}; or say {argument('faces', 'cropped')} if "
        "the photos are aligned face crops"
    )
