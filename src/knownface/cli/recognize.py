"""`knownface recognize`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session
from knownface.cli.printing import print_recognition
from knownface.errors import KnownfaceError
from knownface.recognition.artifact import artifact_folder


def recognize(
    recognizer: options.RecognizerFolder,
    sources: Annotated[list[str], typer.Argument(help="Photos, folders or globs.")],
    threshold: Annotated[
        float | None, typer.Option(help="Similarity from which a face gets a name.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder for annotated copies.")] = None,
    csv: Annotated[str | None, typer.Option(help="File with a line per face.")] = None,
    albums: Annotated[str | None, typer.Option(help="Folder with a folder per person.")] = None,
    links: Annotated[bool, typer.Option("--links", help="Albums of links, not copies.")] = False,
    xmp: Annotated[
        bool, typer.Option("--xmp", help="Face regions in photo.jpg.xmp beside each photo or copy.")
    ] = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Name every face: one line per face, `photo.jpg: name similarity [x, y, w, h]`."""
    with session(quiet or as_json, notes=not quiet) as track:
        artifact_folder(recognizer)  # a missing one is said before anything heavy is imported
        import knownface

        loaded = knownface.Recognizer.load(recognizer, device)
        note(f"Device: {loaded.embedder.device}")
        start = time.perf_counter()
        photos = []
        for recognition in knownface.recognize(
            loaded, sources, threshold=threshold, out=out, csv=csv, albums=albums, links=links,
            xmp=xmp, track=track,
        ):  # fmt: skip
            photos.append(recognition.to_json())
            if not as_json:
                print_recognition(recognition)
        if as_json:
            seconds = round(time.perf_counter() - start, 3)
            print_json({"photos": photos, "seconds": seconds, "device": loaded.embedder.device})
        if photos and all(photo["error"] for photo in photos):
            raise KnownfaceError(f"None of the {len(photos)} photos could be read; see above")
