"""`knownface recognize`."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import knownface
from knownface.cli.console import complain, note, print_json
from knownface.cli.options import asking
from knownface.cli.printing import print_event, print_recognition, print_summary
from knownface.errors import Interrupted, KnownfaceError
from knownface.progress import Track
from knownface.recognition.artifact import artifact_folder
from knownface.visible import counted

if TYPE_CHECKING:
    from knownface.recognition.summary import Summary


@asking(knownface.recognize)
def recognize(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    folder, device = asked.pop("recognizer"), asked.pop("device")
    artifact_folder(folder)  # a missing one is said before anything heavy is imported
    from knownface.recognition.sources import has_videos

    watched = has_videos(asked["sources"])
    loaded = knownface.Recognizer.load(folder, device)
    note(f"Device: {loaded.embedder.device}")
    if watched:
        _watch(loaded, asked, as_json, track)
    else:
        _photos(loaded, asked, as_json, track)


def _photos(
    loaded: knownface.Recognizer, asked: dict[str, Any], as_json: bool, track: Track
) -> None:
    """A line per face, or one document."""
    start = time.perf_counter()
    said: list[dict[str, Any]] = []  # only what one document needs: photos may be many
    photos = failed = 0
    try:
        for recognition in knownface.recognize(loaded, **asked, track=track):
            photos += 1
            failed += recognition.error is not None
            if as_json:
                said.append(recognition.to_json())
            else:
                print_recognition(recognition)
    except KeyboardInterrupt:
        raise Interrupted(_left(photos, asked)) from None
    if as_json:
        seconds = round(time.perf_counter() - start, 3)
        print_json({"photos": said, "seconds": seconds, "device": loaded.embedder.device})
    if photos and failed == photos:
        raise KnownfaceError(f"None of {counted(photos, 'photo')} could be read; see above")


def _watch(
    loaded: knownface.Recognizer, asked: dict[str, Any], as_json: bool, track: Track
) -> None:
    """A line when a name appears, and who was there at the end; or a line of JSON per event."""
    from knownface.recognition.summary import Summary

    summary = Summary()
    interrupted = False
    found: Any = knownface.recognize(loaded, **asked, track=track)
    try:
        with closing(found):
            for recognition in found:
                _print(recognition, summary, as_json)
    except KeyboardInterrupt:
        interrupted = True
    for event in summary.finish():
        print_event(event, as_json)
    if as_json:
        print_json({"summary": summary.to_json()})
    else:
        print_summary(summary)
    if interrupted:
        raise Interrupted("interrupted; what was seen until then is summed up above")
    if summary.failed and not summary.sources:
        raise KnownfaceError("None of the videos could be read; see above")


def _print(recognition: knownface.Recognition, summary: Summary, as_json: bool) -> None:
    """What is new with one answer."""
    if recognition.error:
        complain(f"skipped: {recognition.error}")
    if recognition.error or recognition.seconds is not None:
        for event in summary.add(recognition):
            print_event(event, as_json)
    elif as_json:
        print_json(recognition.to_json())
    else:
        print_recognition(recognition)


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
