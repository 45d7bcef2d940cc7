"""Reading the official weight formats of Keras 2 and PyTorch, strictly and without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from knownface.files.download import WeightError
from knownface.networks.strict import NamedArrays, at_most

CHUNK = 2**20  # bytes that a chunk of an HDF5 array may have, however small the array


def read_hdf5(path: Path) -> NamedArrays:
    """A Keras-2 `save_weights` file: arrays by weight name, found through the attributes.

    The file stays open until the arrays are taken. What leads out of it, links and arrays that are
    stored elsewhere, is refused: another file's bytes would become part of a shared recogniser.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
        arrays = {
            name: _dataset(_inside(layer, name), name)
            for layer in (_inside(file, name) for name in map(_text, file.attrs["layer_names"]))
            for name in map(_text, layer.attrs["weight_names"])
        }
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        detail = str(error).split("\n")[0]
        raise WeightError(f"{path}: not a complete Keras HDF5 weight file ({detail})") from None
    return NamedArrays(arrays, path)


def _inside(group: Any, path: str) -> Any:
    """What lies at a path of names, each of which is the object itself and no link elsewhere."""
    import h5py

    for name in filter(None, path.split("/")):
        link = group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"{path} is missing")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path} is a link to somewhere else, which is not followed")
        group = group[name]
    return group


def _dataset(dataset: Any, name: str) -> Any:
    """A dataset of numbers that lies in the file."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
        raise ValueError(f"{name} is no array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} lies in another file, which is not read")
    if dataset.chunks and dataset.dtype.itemsize * prod(dataset.chunks) > dataset.nbytes + CHUNK:
        raise ValueError(f"{name} has pieces that are larger than itself")
    return dataset


def read_state_dict(path: Path, expected: Mapping[str, tuple[int, ...]]) -> NamedArrays:
    """A PyTorch state dict; only tensors are loaded, never code.

    expected: the shapes of the network, from which follows how large the file may be.
    """
    for what, size in _sizes(path):
        if size > at_most(expected):
            raise WeightError(
                f"{path}: {what} {size:,} bytes, and this network's has at most "
                f"{at_most(expected):,}; it is the file of another network"
            )
    try:
        import torch
    except ImportError:
        raise WeightError(
            f"{path}: reading it needs PyTorch; pip install torch, or use another weight format"
        ) from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        arrays = {str(name): tensor.numpy() for name, tensor in state.items()}
    except Exception as error:  # noqa: BLE001 - torch and pickle raise many kinds
        detail = str(error).split("\n")[0].split(". ")[0] or type(error).__name__
        raise WeightError(f"{path}: not a complete PyTorch state dict ({detail})") from None
    return NamedArrays(arrays, path)


def _sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Bytes that a state dict takes: on disk, and where it is an archive, as that declares."""
    try:
        yield "it has", path.stat().st_size
        if not zipfile.is_zipfile(path):  # of PyTorch before 1.6
            return
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise WeightError(f"{path}: not a complete PyTorch state dict ({error})") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightError(f"{path}: not a PyTorch state dict (these are never compressed)")
    yield "its arrays have", sum(entry.file_size for entry in entries)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
