"""Folders of people: check one, or invent one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session, writing
from knownface.cli.printing import print_diagnosis
from knownface.errors import KnownfaceError


def check(
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbone: options.BackboneName = "auto",
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    faces: options.Faces = "detect",
    out: Annotated[
        Path | None, typer.Option(help="The page; default: runs/<folder>-check.html.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a cleaned copy of the photos.")
    ] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find what is wrong with a folder's photos and names, before training."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.diagnosis.check import check as run_check
        from knownface.diagnosis.clean import copy_good, new_copy
        from knownface.pages.check import write_check

        page = out or Path("runs") / f"{data.resolve().name}-check.html"
        if page.is_dir():
            raise KnownfaceError(f"--out {page}: is a folder; name a file in it")
        with new_copy(fix, data) as copy:
            found = run_check(
                data, backbone, weights, accept_license, options.faces_mode(faces), device, track
            )
            with writing(page):
                write_check(page, found)
            copied = copy_good(found, copy, track) if copy else 0
        if as_json:
            print_json(found.to_json())
            note(f"Page: {page}")
        else:
            print_diagnosis(found)
            print(f"Page: {page}")
            if fix:
                print(f"Cleaned copy: {fix}, {copied} of {len(found.photos)} photos")


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    people: Annotated[int, typer.Option(help="How many people to invent.")] = 10,
    photos: Annotated[int, typer.Option(help="Photos of each.")] = 40,
    strangers: Annotated[
        int, typer.Option(help="Others to be refused: DIR/strangers beside DIR/people.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Other people for each number.")] = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write photos of people who do not exist, to try everything with nobody's photo."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.synthetic.folder import write_people

        write_people(folder, people, photos, strangers, seed, track)
        if as_json:
            print_json({"folder": str(folder), "people": people, "photos": people * photos})
        else:
            print(f"{people} invented people with {photos} photos each: {folder}")
