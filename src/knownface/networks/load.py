"""Choosing a network, finding its weights, and building it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.files.arrays import read_npz
from knownface.files.cache import cache_folder
from knownface.files.download import DamagedFile, WeightError, find, obtain
from knownface.files.whole import whole_file
from knownface.networks.record import Backbone
from knownface.networks.strict import at_most, check_arrays
from knownface.networks.zoo import BACKBONES, get_backbone
from knownface.options import argument
from knownface.progress import Track, silent

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """A weight file on this machine; verified: the sha256 that it was found to have."""

    path: Path
    verified: str | None = None

    @cached_property
    def sha256(self) -> str:
        """Of the whole file, which is read at most once for it."""
        if self.verified:
            return self.verified
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


Wanted = str | Path | Weights | None  # what a caller may say about the weights to use


def choose_backbone(
    name: str, weights: str | Path | None = None, track: Track = silent
) -> tuple[Backbone, Wanted]:
    """The record of that name, and the weights to build it with, for `locate_weights`.

    `auto` is the best free network whose weights can be had: `mobilefacenet` where its file is here
    or can be fetched, else `mini`, which ships inside the package; one line says which, and what a
    bigger one would bring. Its weights are located then; others stay as they were named.
    Raises KnownfaceError, also where its file is here and damaged.
    """
    if name != "auto":
        return get_backbone(name), weights
    default = BACKBONES["mobilefacenet"]
    try:
        found = locate_weights(default, weights, track, asked=False)
    except WeightError as error:
        if weights is not None or isinstance(error, DamagedFile):
            raise
        log.debug("%s", error)
        log.info(
            "Backbone mini, which is built in, because MobileFaceNet.onnx (4 MB, more accurate) "
            "cannot be fetched; %s tries again; more accurate still, for research: %s",
            argument("backbone", "mobilefacenet"),
            argument("backbone", "arcface"),
        )
        return BACKBONES["mini"], None
    bigger = argument("backbone", "arcface")
    log.info("Backbone mobilefacenet; more accurate, for research: %s (174 MB)", bigger)
    return default, found or weights


def locate_weights(
    backbone: Backbone,
    weights: Wanted = None,
    track: Track = silent,
    accept_license: bool = False,
    asked: bool = True,
) -> Weights | None:
    """The weight file to use, verified: `weights`, or an official one found or downloaded.

    What was located before is handed back. None stands for random initialisation, asked for with
    `weights="none"`. Official weights for research only have to be accepted once on a machine; a
    file that the user names is theirs to judge. asked: whether the user asked for this network, as
    in `obtain`. Raises WeightError.
    """
    if isinstance(weights, Weights):
        return weights
    if weights is not None and str(weights) == "none":
        log.warning(
            "RANDOM WEIGHTS: %s knows nothing about faces; its accuracy will be near chance",
            backbone.name,
        )
        return None
    if weights is not None:
        path = Path(weights)
        if not path.is_file():
            raise WeightError(f"{argument('weights', path)}: no such file")
        return Weights(path)
    files = backbone.weight_files
    if not files:
        raise WeightError(
            f"{backbone.name} has no official weight file; pass yours: "
            f"{argument('weights', 'FILE')}"
        )
    if backbone.noncommercial:
        _agree(backbone, accept_license)
    present = next((file for file in files if find(file)), files[0])
    try:
        return Weights(obtain(present, track, asked), present.sha256)
    except DamagedFile:
        raise
    except WeightError as error:
        raise WeightError(
            f"{error}; or take {argument('backbone', 'mini')}, which is built in"
        ) from None


def licence_accepted(backbone: Backbone) -> bool:
    """Whether its weights are free for every use, or their licence was accepted earlier."""
    return not backbone.noncommercial or _consent(backbone).is_file()


def _consent(backbone: Backbone) -> Path:
    return cache_folder() / "licences" / backbone.name


def _agree(backbone: Backbone, accept_license: bool) -> None:
    """Pass where the licence was accepted, now or earlier; remembers it in the cache."""
    accepted = _consent(backbone)
    if accept_license:
        try:
            with whole_file(accepted) as part:
                part.write_text(f"{backbone.licence}\n", encoding="utf-8")
        except OSError as error:
            log.warning("%s: cannot remember your consent (%s)", accepted, error.strerror)
    elif not accepted.is_file():
        raise WeightError(
            f"The weights of {backbone.name} are not free for every use (licence: "
            f"{backbone.licence}); if yours is covered, say so once with "
            f"{argument('accept_license', True)}, or take {argument('backbone', 'mobilefacenet')} "
            "(Apache-2.0)"
        )


def load_backbone(
    name: str,
    weights: str | Path | None = None,
    track: Track = silent,
    accept_license: bool = False,
) -> keras.Model:
    """A Keras model: uint8 RGB crops (n, size, size, 3) to float32 raw embeddings (n, d).

    weights: a file in an official format, "none" for random initialisation, or None for the
        official file, found on this machine or downloaded.
    accept_license: agree, once, to weights that are for research only.
    Preprocessing is inside the model. Raises WeightError where the file does not fit exactly.
    """
    backbone, wanted = choose_backbone(name, weights, track)
    return build_backbone(backbone, locate_weights(backbone, wanted, track, accept_license))


def adapted(model: keras.Model, path: Path) -> list[np.ndarray]:
    """A model's weights, in its order, with what a file of a record's `small_faces` adds to them.

    Raises WeightError where the file does not fit exactly.
    """
    expected = {weight.path: tuple(weight.shape) for weight in model.weights}
    try:
        arrays = read_npz(path, at_most(expected))
    except (OSError, ValueError) as error:
        raise WeightError(f"{path}: cannot be read ({error}); install knownface again") from None
    check_arrays(expected, arrays, str(path))
    named = zip(model.weights, model.get_weights(), strict=True)
    return [value + arrays[weight.path].astype(np.float32) for weight, value in named]


def build_backbone(backbone: Backbone, weights: Weights | None) -> keras.Model:
    """Like `load_backbone`, from a file that is here; None leaves the weights random."""
    from knownface.networks.layers import assemble

    path = weights.path if weights else None
    form = backbone.format_of(path)
    model = assemble(backbone, form.pixels)
    if path is not None:
        variables = {variable.path: variable for variable in model.weights}
        expected = {key: tuple(variable.shape) for key, variable in variables.items()}
        try:
            arrays = form.read(path=path, expected=expected)
        except (ValueError, IndexError) as error:  # NumPy's, where parts do not fit each other
            raise WeightError(f"{path}: does not fit this network ({error})") from None
        check_arrays(expected, arrays, str(path))
        for key, variable in variables.items():
            variable.assign(arrays[key])
    return model
