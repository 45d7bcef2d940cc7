"""`knownface recognize`."""

from __future__ import annotations

import time
from typing import Any

import knownface
from knownface.cli.console import note, print_json
from knownface.cli.options import asking
from knownface.cli.printing import print_recognition
from knownface.errors import Interrupted, KnownfaceError
from knownface.progress import Track
from knownface.recognition.artifact import artifact_folder


@asking(knownface.recognize)
def recognize(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    folder, device = asked.pop("recognizer"), asked.pop("device")
    artifact_folder(folder)  # a missing one is said before anything heavy is imported
    loaded = knownface.Recognizer.load(folder, device)
    note(f"Device: {loaded.embedder.device}")
    start = time.perf_counter()
    photos = []
    try:
        for recognition in knownface.recognize(loaded, **asked, track=track):
            photos.append(recognition.to_json())
            if not as_json:
                print_recognition(recognition)
    except KeyboardInterrupt:
        raise Interrupted(_left(len(photos), asked)) from None
    if as_json:
        seconds = round(time.perf_counter() - start, 3)
        print_json({"photos": photos, "seconds": seconds, "device": loaded.embedder.device})
    if photos and all(photo["error"] for photo in photos):
        raise KnownfaceError(f"None of the {len(photos)} photos could be read; see above")


def _left(photos: int, asked: dict[str, Any]) -> str:
    """What an interruption leaves after so many photos."""
    places = [str(asked[name]) for name in ("out", "csv", "albums") if asked[name]]
    places += ["the files beside the photos"] if asked["xmp"] and not asked["out"] else []
    if not places:
        return "interrupted"
    return (
        f"interrupted; what was found in the first {photos} photos stays in {', '.join(places)}, "
        "and the same command begins with the first photo again"
    )
