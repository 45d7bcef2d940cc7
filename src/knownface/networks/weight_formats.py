"""Reading the official weight formats of Keras 2 and PyTorch, strictly and without pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from knownface.files.download import WeightError
from knownface.networks.strict import NamedArrays


def read_hdf5(path: Path) -> NamedArrays:
    """A Keras-2 `save_weights` file: arrays by weight name, found through the attributes."""
    import h5py

    arrays = {}
    try:
        with h5py.File(path, "r") as file:
            for layer in map(_text, file.attrs["layer_names"]):
                for name in map(_text, file[layer].attrs["weight_names"]):
                    arrays[name] = np.asarray(file[layer][name], np.float32)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        detail = str(error).split("\n")[0]
        raise WeightError(f"{path}: not a complete Keras HDF5 weight file ({detail})") from None
    return NamedArrays(arrays, path)


def read_state_dict(path: Path) -> NamedArrays:
    """A PyTorch state dict; only tensors are loaded, never code."""
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


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
