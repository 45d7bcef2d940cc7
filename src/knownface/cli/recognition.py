"""Who is it? recognize, verify, benchmark."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session, writing
from knownface.cli.printing import print_recognition
from knownface.errors import KnownfaceError
from knownface.faces.photo import SUFFIXES

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition


def recognize(
    recognizer: Annotated[Path, typer.Argument(help="A run or recognizer folder.")],
    source: Annotated[list[str], typer.Argument(help="Photos, folders or globs.")],
    out: Annotated[Path | None, typer.Option(help="Folder for annotated copies.")] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Name every face: one line per face, `photo.jpg: name similarity [x, y, w, h]`."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.recognition.recognizer import Recognizer

        paths = _photos(source)
        loaded = Recognizer.load(recognizer, device)
        note(f"Device: {loaded.embedder.device}")
        if out:
            with writing(out):
                out.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        photos = []
        for recognition in loaded.recognize_photos(paths, track, pixels=bool(out)):
            photos.append(recognition.to_json())
            if not as_json:
                print_recognition(recognition)
            if out and not recognition.error:
                _save_annotated(recognition, out)
        if as_json:
            seconds = round(time.perf_counter() - start, 3)
            print_json({"photos": photos, "seconds": seconds, "device": loaded.embedder.device})
        if photos and all(photo["error"] for photo in photos):
            raise KnownfaceError(f"None of the {len(photos)} photos could be read; see above")


def verify(
    first: Annotated[Path, typer.Argument(metavar="PHOTO")],
    second: Annotated[Path, typer.Argument(metavar="PHOTO")],
    recognizer: Annotated[
        Path | None, typer.Option(help="Use this recogniser's network and people instead.")
    ] = None,
    backbone: options.BackboneName = "auto",
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    far: Annotated[float | None, typer.Option(help="False-accept rate of the threshold.")] = None,
    faces: options.Faces = "detect",
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Do two photos show the same person? Compares the largest face of each."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.embed.frozen import frozen_pipeline
        from knownface.networks.load import choose_backbone
        from knownface.recognition.verify import impostor_threshold
        from knownface.recognition.verify import verify as compare

        if recognizer:
            from knownface.recognition.recognizer import Recognizer

            loaded = Recognizer.load(recognizer, device)
            gallery, pipeline = loaded.gallery, loaded.pipeline(track)
            rate = 0.01 if far is None else far
            threshold = impostor_threshold(gallery.embeddings, gallery.labels, rate)
        else:
            record = choose_backbone(backbone, weights, track)
            mode = options.faces_mode(faces)
            pipeline = frozen_pipeline(record, weights, accept_license, mode, device, track)
            note(f"Backbone: {record.name}, device: {pipeline.embedder.device}")
            rate = 0.001 if far is None else far
            threshold = record.verification_threshold(rate)
        result = compare(first, second, pipeline, threshold, rate)
        if as_json:
            print_json(asdict(result))
        else:
            answer = "same person" if result.same else "different people"
            print(
                f"{answer}: similarity {result.similarity:.3f}, threshold {threshold:.3f} "
                f"(false-accept rate {rate:g})"
            )


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
        from knownface.dataset.pairs import read_pairs
        from knownface.embed.frozen import frozen_pipeline
        from knownface.measure.benchmark import run_benchmark
        from knownface.networks.load import choose_backbone

        listed = read_pairs(pairs, images)
        record = choose_backbone(backbone, weights, track)
        mode = options.faces_mode(faces)
        pipeline = frozen_pipeline(record, weights, accept_license, mode, device, track)
        note(f"Backbone: {record.name}, device: {pipeline.embedder.device}")
        result = run_benchmark(listed, pipeline, track)
        if as_json:
            print_json(asdict(result) | {"published": dict(record.published)})
            return
        print(
            f"accuracy {result.accuracy:.4f} ± {result.accuracy_std:.4f} (standard deviation over "
            f"{len(result.folds)} folds), {result.pairs} pairs, {result.skipped} skipped"
        )
        rates = ", ".join(f"{tar:.4f} at {far}" for far, tar in result.tar_at_far.items())
        print(f"equal error rate {result.eer:.4f}; true-accept rate {rates} false accepts")
        print(f"threshold {result.threshold:.3f}; {pipeline.embedder.device}")
        if record.published:
            stated = ", ".join(f"{name} {share:.4f}" for name, share in record.published.items())
            print(f"published for {record.name}, by its authors: {stated}")


def _photos(sources: Iterable[str]) -> list[Path]:
    """Photo files named by paths, folders (searched deeply) and globs; KnownfaceError if none."""
    found: list[Path] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in SUFFIXES]
            if not inside:
                raise KnownfaceError(f"{path}: no photos in this folder")
            found += inside
        elif path.exists() or not glob.has_magic(source):
            found.append(path)
        else:
            matches = sorted(glob.glob(source, recursive=True))
            if not matches:
                raise KnownfaceError(f"{source}: matches no file")
            found += [Path(match) for match in matches]
    return found


def _save_annotated(recognition: Recognition, folder: Path) -> None:
    from knownface.faces.photo import write_image
    from knownface.recognition.draw import annotate

    stem = Path(recognition.path).stem
    target, number = folder / f"{stem}.jpg", 1
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}.jpg"
    assert recognition.pixels is not None
    write_image(target, annotate(recognition.pixels, recognition))
