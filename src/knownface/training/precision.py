"""What training computes in, and on: bfloat16 where it is fast, and all devices there are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16"]


@contextmanager
def computing_in(model: keras.Model, precision: Precision) -> Iterator[None]:
    """Let a float32 model compute in bfloat16 for a while; its variables stay float32."""
    kind = _fast_precision() if precision == "auto" else precision
    log.info("Training in %s on %s", kind, "a GPU" if _has_gpu() else "the CPU")
    layers = [layer for layer in model.layers if kind == "bfloat16" and _may_change(layer)]
    for layer in layers:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer in layers:
            layer.dtype_policy = "float32"


def _may_change(layer: keras.Layer) -> bool:
    """Pixels need more than eight bits of mantissa, and the output's differences decide.

    Depthwise convolutions have no fast bfloat16 kernel: MobileFaceNet trains 1.9 times as fast with
    float32 ones in between (measured with TensorFlow and AVX512_BF16).
    """
    import keras

    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return not depthwise and layer.name not in ("crops", "normalise", "embedding")


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
    out evenly, one device does everything.
    """
    import keras

    devices = len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1
    if devices > 1 and batch_size % devices == 0:
        log.info("Training on %d devices, each with its share of every batch", devices)
        shared = keras.distribution.DataParallel(auto_shard_dataset=False)
        keras.distribution.set_distribution(shared)


def shares() -> int:
    """How many devices share a batch: its size must be a multiple of this."""
    import keras

    shared = keras.distribution.distribution()
    return 1 if shared is None else int(shared.device_mesh.devices.size)
