"""`knownface benchmark`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session


def benchmark(
    pairs: Annotated[
        Path, typer.Option(help="A pair list as of LFW or MFR2, or CFP's Protocol/Split/FF or FP.")
    ],
    images: Annotated[
        Path, typer.Option(help="The folder with name/name_0001.jpg, or CFP's Data.")
    ],
    backbone: options.BackboneName = "auto",
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    faces: options.Faces = "detect",
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """A published verification protocol: accuracy over folds, TAR at FAR, equal error rate."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        result = knownface.benchmark(
            pairs, images, backbone=backbone, weights=weights, accept_license=accept_license,
            faces=faces, device=device, track=track,
        )  # fmt: skip
        if as_json:
            print_json(asdict(result))
            return
        print(
            f"accuracy {result.accuracy:.4f} ± {result.accuracy_std:.4f} (standard deviation over "
            f"{len(result.folds)} folds), {result.pairs} pairs, {result.skipped} skipped"
        )
        rates = ", ".join(f"{tar:.4f} at {far}" for far, tar in result.tar_at_far.items())
        print(f"equal error rate {result.eer:.4f}; true-accept rate {rates} false accepts")
        print(f"threshold {result.threshold:.3f}; {result.device}")
        if result.published:
            stated = ", ".join(f"{name} {share:.4f}" for name, share in result.published.items())
            print(f"published for {result.backbone}, by its authors: {stated}")
