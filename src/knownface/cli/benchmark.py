"""`knownface benchmark`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.benchmark)
def benchmark(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    result = knownface.benchmark(**asked, track=track)
    if as_json:
        print_json(asdict(result))
        return
    say(
        f"accuracy {result.accuracy:.4f} ± {result.accuracy_std:.4f} (standard deviation over "
        f"{len(result.folds)} folds), {result.pairs} pairs, {result.skipped} skipped"
    )
    rates = ", ".join(f"{tar:.4f} at {far}" for far, tar in result.tar_at_far.items())
    say(f"equal error rate {result.eer:.4f}; true-accept rate {rates} false accepts")
    say(f"threshold {result.threshold:.3f}; {result.device}")
    if result.published:
        stated = ", ".join(f"{name} {share:.4f}" for name, share in result.published.items())
        say(f"published for {result.backbone}, by its authors: {stated}")
