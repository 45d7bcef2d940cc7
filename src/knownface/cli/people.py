"""`knownface people`, and what it says and does about one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import typer
from typer.core import TyperGroup

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.living import show
from knownface.cli.options import asking
from knownface.pages.forgetting import forget
from knownface.progress import Track
from knownface.recognition import people as verbs
from knownface.recognition.living.records import Person


class _People(TyperGroup):
    """`people RUN`, `people rename RUN OLD NEW` and `people RUN rename OLD NEW` are all said."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words = [i for i, word in enumerate(args) if not word.startswith("-")]
        commands = [i for i in words[:2] if args[i] in self.commands]
        if commands:
            args = [args[commands[0]], *args[: commands[0]], *args[commands[0] + 1 :]]
        elif not {"--help"} & set(args):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_People, rich_markup_mode=None, add_completion=False, help="Who is known.",
    no_args_is_help=True,
)  # fmt: skip


@app.command("list", hidden=True)
@asking(knownface.people)
def list_(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    """Who is known: photos, quality, who looks alike."""
    found = knownface.people(**asked)
    if as_json:
        print_json([person.to_json() for person in found])
        return
    for person in found:
        say(_line(person))
    if not found:
        note(f"Nobody is {asked['state']}.")


def _line(person: Person) -> str:
    who = person.name or f"{person.state} {person.id}"
    parts = [f"{person.photos} photo{'s' * (person.photos != 1)}", f"quality {person.quality:.2f}"]
    if person.born:
        parts.append(f"born {person.born}")
    if person.seen:
        last = time.strftime("%Y-%m-%d %H:%M", time.localtime(person.last_seen))
        parts.append(f"seen {person.seen} time{'s' * (person.seen != 1)}, last {last}")
    if person.alike and person.name:
        parts.append(f"most like {person.alike[0][0]} ({person.alike[0][1]:.2f})")
    return f"{who}: {', '.join(parts)}"


@app.command()
@asking(verbs.faces)
def faces(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    """The enrolled faces of somebody, with their numbers."""
    found = verbs.faces(**asked)
    if as_json:
        print_json([asdict(face) for face in found])
        return
    for face in found:
        said = ", said" if face.said else ""
        say(f"{face.id:>5}  {face.source}  quality {face.quality:.2f}{said}")


def _changes(verb: Callable[..., Any]) -> None:
    """A command that changes something and shows what it did."""

    @asking(verb)
    def command(asked: dict[str, Any], as_json: bool, track: Track) -> None:
        show(verb(**asked), as_json)

    app.command(verb.__name__.replace("_", "-"), help=(verb.__doc__ or "").split("\n")[0])(command)


for each in (verbs.rename, verbs.merge, verbs.split, verbs.remove, verbs.feature, verbs.born,
             verbs.name, verbs.ignore, verbs.not_a_face, verbs.part, verbs.never_same):  # fmt: skip
    _changes(each)


@app.command("forget")
@asking(forget)
def forget_(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    """Erase every trace of somebody, prove it, and give a receipt."""
    show(forget(**asked), as_json)
