"""What training computes in: bfloat16 where the machine is fast in it, else float32."""

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
    """Pixels need more than eight bits of mantissa, and the output's differences decide."""
    return layer.name not in ("crops", "normalise", "embedding")


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
