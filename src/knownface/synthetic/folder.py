"""Writing invented people to a folder, each photo labelled as what it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

from PIL import ExifTags, Image

from knownface.files.runs import run_folder
from knownface.options import Option, checked, options_of
from knownface.progress import Track, silent
from knownface.runtime.processors import processors
from knownface.runtime.threads import one_thread
from knownface.synthetic.head import looks_of
from knownface.synthetic.model import load_model
from knownface.synthetic.names import invent_names
from knownface.synthetic.person import invent_person
from knownface.synthetic.portrait import Photo, take_photo

LABEL = "synthetic, knownface demo: this person does not exist"
README = """\
These people do not exist.

`knownface demo` invented their faces and their names, so that knownface can be tried with nobody's
photo. They are a demonstration and a test fixture: what a recogniser scores on them says that the
software works, and is never evidence of accuracy on real people.

Made with people {people}, photos {photos}, strangers {strangers}, seed {seed}.
"""
MOST_PHOTOS = 1000
STRANGERS_PHOTOS = 3  # of each at most: many people tell more of strangers than many photos


def _from(least: int, help: str) -> Option:
    return Option(help, wanted=f"{least} or more", fits=lambda n: n >= least)


def demo(
    folder: Annotated[Path | str, Option("A new or empty folder.", "DIR")],
    *,
    people: Annotated[int, _from(1, "How many people to invent.")] = 10,
    photos: Annotated[
        int,
        Option(
            "Photos of each.",
            wanted=f"between 1 and {MOST_PHOTOS}",
            fits=lambda n: 1 <= n <= MOST_PHOTOS,
        ),
    ] = 40,
    strangers: Annotated[
        int,
        _from(
            0, f"Others to be refused, {STRANGERS_PHOTOS} photos each: DIR/strangers by DIR/people."
        ),
    ] = 0,
    seed: Annotated[int, _from(0, "Other people for each number.")] = 0,
    track: Track = silent,
) -> None:
    """Write photos of people who do not exist: `folder/<name>/photo_01.jpg` and so on.

    With strangers, `folder/people/<name>/` and `folder/strangers/<name>/` instead. The same
    arguments give the same bytes on the same machine, and the first people and photos are the
    same however many there are. Raises KnownfaceError for impossible numbers, for a folder that
    is not empty, and where it cannot be written; an interrupted call leaves nothing.
    """
    asked = {"people": people, "photos": photos, "strangers": strangers, "seed": seed}
    kinds = options_of(demo)
    for name, number in asked.items():
        checked(name, kinds[name], number)
    names = invent_names(people + strangers, seed)
    few = min(photos, STRANGERS_PHOTOS)
    albums = [(Path("people" if strangers else ".") / name, photos) for name in names[:people]]
    albums += [(Path("strangers") / name, few) for name in names[people:]]
    folder = Path(folder)
    with run_folder(folder, folder.name, "folder") as run:
        text = README.format(**asked)
        (run.work / "README.txt").write_text(text, encoding="utf-8")
        jobs = [(run.work / place, (seed, 2, i), n) for i, (place, n) in enumerate(albums)]
        total = people * photos + strangers * few
        for _ in track(write_photos(jobs, photos), "Inventing people", total):
            pass


def write_photos(jobs: list[tuple[Path, tuple[int, int, int], int]], most: int) -> Iterator[None]:
    """Photo by photo, in several threads: OpenCV and NumPy release the lock while they compute.

    jobs: a folder, the seed of a person, and how many photos; most: of anybody.
    """
    model = load_model()
    digits = max(2, len(str(most)))
    pool = ThreadPoolExecutor(processors())
    with one_thread():
        try:
            for place, seed, photos in jobs:
                place.mkdir(parents=True)
                looks = looks_of(model, invent_person(model, seed))
                paths = [place / f"photo_{i:0{digits}}.jpg" for i in range(1, photos + 1)]
                seeds = [(*seed, i) for i in range(1, photos + 1)]
                taken = pool.map(partial(take_photo, model, looks), seeds)
                for path, photo in zip(paths, taken, strict=True):
                    save_photo(path, photo)
                    yield
        finally:
            pool.shutdown(cancel_futures=True)


def save_photo(path: Path, photo: Photo) -> None:
    """A JPEG that says in its comment and its EXIF description that nobody is shown."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = LABEL
    exif[ExifTags.Base.Software] = "knownface demo"
    stream = io.BytesIO()
    image = Image.fromarray(photo.pixels)
    image.save(stream, "JPEG", quality=photo.quality, comment=LABEL, exif=exif)
    path.write_bytes(stream.getvalue())
