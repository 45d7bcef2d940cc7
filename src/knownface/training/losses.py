"""The losses: what the true class has to win by while a cosine head is trained.

Adding one takes one entry of `LOSSES`. Keras is imported only when one is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Loss:
    """Cross-entropy of scaled cosines, the true class made harder by a margin.

    harder: the cosines (n, c) as if each were the true class, by that margin.
    """

    margin: float
    harder: Callable[[Any, Any], Any]


def _larger_angle(cosine: Any, margin: Any) -> Any:
    """The cosine of an angle larger by `margin` (Deng et al., 2019)."""
    from keras import ops

    # Away from +-1, where the angle's slope is infinite.
    angle = ops.arccos(ops.clip(cosine, -1 + 1e-6, 1 - 1e-6))
    # Beyond pi the cosine would rise again: the angle stops there.
    return ops.cos(ops.minimum(angle + margin, math.pi))


def _smaller_cosine(cosine: Any, margin: Any) -> Any:
    """The cosine less `margin` (Wang et al., 2018)."""
    return cosine - margin


# The published margins, 0.5 and 0.35, belong to 10,000 and more classes at scale 64; here classes
# are few and the scale is AdaCos's small one, under which such margins could never be met.
LOSSES: dict[str, Loss] = {
    "softmax": Loss(0.0, _smaller_cosine),
    "arcface": Loss(0.2, _larger_angle),
    "cosface": Loss(0.1, _smaller_cosine),
}


def with_margin(logits: Any, answers: Any, kind: str, scale: float, strength: Any = 1.0) -> Any:
    """Logits (n, c) = scale x cosine, the true class of one-hot answers (n, c) made harder.

    strength: share of the full margin that counts already, 0 to 1.
    """
    from keras import ops

    loss = LOSSES[kind]
    cosine = ops.cast(logits, "float32") / scale
    return scale * ops.where(answers > 0.5, loss.harder(cosine, loss.margin * strength), cosine)
