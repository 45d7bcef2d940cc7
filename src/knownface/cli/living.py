"""`knownface enroll`, `correct`, `forget`, `undo` and their like: who is known changes."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.progress import Track
from knownface.recognition.living.records import Change, Receipt


def show(done: Change | Receipt, as_json: bool) -> None:
    """What a change did."""
    if as_json:
        print_json(done.to_json())
        return
    for line in done.lines():
        say(line)


@asking(knownface.enroll)
def enroll(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    show(knownface.enroll(**asked, track=track), as_json)


@asking(knownface.correct)
def correct(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    show(knownface.correct(**asked), as_json)


@asking(knownface.never_same)
def never_same(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    show(knownface.never_same(**asked), as_json)


@asking(knownface.undo)
def undo(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    show(knownface.undo(**asked), as_json)


@asking(knownface.forget)
def forget(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    show(knownface.forget(**asked), as_json)


@asking(knownface.history)
def history(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    entries = knownface.history(**asked)
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.at))
        undone = " (undone)" if entry.undone else ""
        say(f"{entry.id:>4}  {when}  {entry.actor}: {entry.text}{undone}")
    if not entries:
        note("Nothing was changed since the training.")


@asking(knownface.backup)
def backup(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    path = knownface.backup(**asked)
    if as_json:
        print_json({"file": str(path)})
    else:
        say(f"Backup: {path}")


@asking(knownface.restore)
def restore(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    faces = knownface.restore(**asked)
    if as_json:
        print_json({"faces": faces})
    else:
        say(f"Restored: {faces} faces")


@asking(knownface.share)
def share(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    shared = knownface.share(**asked)
    if as_json:
        print_json(shared.to_json())
    else:
        say(shared.sentence())
