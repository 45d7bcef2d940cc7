"""What training computes in, and on: bfloat16 where it is fast, and all devices there are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.errors import KnownfaceError
from knownface.options import Precision, argument
from knownface.training.hosts import hosts

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@contextmanager
def computing_in(model: keras.Model, precision: Precision) -> Iterator[None]:
    """Let a float32 functional model compute in bfloat16 for a while; its variables stay float32.

    bfloat16 is honoured wherever it is asked for, also where it is computed slowly.
    """
    kind = resolved(precision)
    log.info("Training in %s on %s", kind, "a GPU" if _has_gpu() else "the CPU")
    layers = _layers_for_bfloat16(model) if kind == "bfloat16" else []
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _layers_for_bfloat16(model: keras.Model) -> list[keras.Layer]:
    """All layers but the input, what reads pixels, depthwise convolutions and the output.

    Pixels need more than eight bits of mantissa, and the output's differences decide. Depthwise
    convolutions have no fast bfloat16 kernel: MobileFaceNet trains 1.9 times as fast with float32
    ones in between (measured with TensorFlow and AVX512_BF16).
    """
    import keras

    always_float32 = keras.layers.InputLayer | keras.layers.DepthwiseConv2D
    return [
        layer
        for layer in model.layers[:-1]  # in the order of computation: the output is the last
        if not isinstance(layer, always_float32) and not _reads_pixels(layer)
    ]


def _reads_pixels(layer: keras.Layer) -> bool:
    import keras

    inputs = keras.tree.flatten(layer.input)
    return any(not keras.backend.is_float_dtype(tensor.dtype) for tensor in inputs)


def resolved(precision: Precision) -> Precision:
    """What `auto` stands for on this machine."""
    return _fast_precision() if precision == "auto" else precision


def _fast_precision() -> Precision:
    """bfloat16 on GPUs and on CPUs with instructions for it; elsewhere it is slower.

    Measured with `mini`, training: 1.7 times float32 with AVX512_BF16; more with AMX.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        flags = ""
    native = {"amx_bf16", "avx512_bf16"} & set(flags.split())
    return "bfloat16" if native or _has_gpu() else "float32"


def _has_gpu() -> bool:
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return bool(torch.cuda.is_available())
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())


def share_work(batch_size: int) -> None:
    """With JAX and several devices, let each take its share of every batch from now on.

    To be called before a model is built. With other backends, or where the batch cannot be dealt
    out evenly, one device does everything, whatever an earlier run in this process did; several
    processes cannot, and raise KnownfaceError.
    """
    import keras

    if keras.backend.backend() != "jax":
        return
    devices, processes = len(keras.distribution.list_devices()), hosts().count
    evenly = batch_size % devices == 0
    if processes > 1 and not evenly:
        raise KnownfaceError(
            f"{argument('batch_size', batch_size)} cannot be dealt out to {devices} devices of "
            f"{processes} processes; take a multiple of {devices}"
        )
    shared = None
    if devices > 1 and evenly:
        log.info("Training on %d devices, each with its share of every batch", devices)
        shared = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(shared)


def shares() -> int:
    """How many devices share a batch: its size must be a multiple of this."""
    import keras

    shared = keras.distribution.distribution()
    return 1 if shared is None else int(shared.device_mesh.devices.size)
