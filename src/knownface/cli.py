"""The command line: parses arguments, shows progress, prints results, and chooses the exit code."""

from __future__ import annotations

import glob
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knownface import __version__
from knownface.console import note, print_json, session, writing
from knownface.errors import KnownfaceError
from knownface.images import SUFFIXES
from knownface.printing import (
    print_backbones,
    print_comparison,
    print_diagnosis,
    print_evaluation,
    print_recognition,
    print_rows,
)

if TYPE_CHECKING:
    from knownface.backbones import Backbone
    from knownface.crops import FaceCropper
    from knownface.recognizer import Recognition

app = typer.Typer(
    name="knownface",
    help="From a folder of photos of your people to a recogniser that you can deploy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
networks = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(networks, name="backbones")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or coreml; one that is not there fails.")
]
BackboneName = Annotated[str, typer.Option("--backbone", help="See `knownface backbones`.")]
Weights = Annotated[
    str | None, typer.Option(help="A weight file of the backbone, or none for random weights.")
]
Licence = Annotated[
    bool, typer.Option("--accept-license", help="Agree, once, to weights for research only.")
]
Loss = Annotated[
    str | None, typer.Option(help="softmax, arcface or cosface; default: the backbone's own.")
]
Precision = Annotated[str, typer.Option(help="Training computes in auto, float32 or bfloat16.")]
Split = Annotated[Path | None, typer.Option(help="The split.json of an earlier run, to repeat.")]
Strangers = Annotated[Path | None, typer.Option(help="Photos of people to be refused.")]
Epochs = Annotated[int | None, typer.Option(help="Default: the backbone's own.")]
Folds = Annotated[
    int | None,
    typer.Option(
        help="Also cross-validate the network as it is (frozen, whatever the recipe) in K folds, "
        "which says more where photos are few."
    ),
]
Validation = Annotated[float, typer.Option(help="Share of photos kept for testing.")]
Far = Annotated[float, typer.Option(help="False-accept rate the threshold aims at.")]
Faces = Annotated[str, typer.Option(help="detect, or cropped if the photos are aligned crops.")]


# ---------------------------------------------------------------- commands
@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbone: BackboneName = "auto",
    recipe: Annotated[str, typer.Option(help="best, seed or frozen.")] = "best",
    loss: Loss = None,
    weights: Weights = None,
    accept_license: Licence = False,
    strangers: Strangers = None,
    faces: Faces = "detect",
    epochs: Epochs = None,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option()] = 1e-4,
    validation: Validation = 0.2,
    split: Split = None,
    folds: Folds = None,
    far: Far = 0.01,
    seed: Annotated[int, typer.Option()] = 0,
    precision: Precision = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run cut off.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files.")] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Log to MLflow as well.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; default: a new one in runs/.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train on DATA/<person>/*.jpg: a run folder with recogniser, evaluation and report."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.training import train as run_training

        run = run_training(
            data,
            out,
            track,
            resume=resume,
            tensorboard=tensorboard,
            mlflow=mlflow,
            backbone=backbone,
            recipe=recipe,
            loss=loss,
            weights=weights,
            accept_license=accept_license,
            strangers=str(strangers) if strangers else None,
            faces=_faces(faces),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation=validation,
            split=str(split) if split else None,
            folds=folds,
            far_target=far,
            seed=seed,
            precision=precision,
            device=device,
        )
        if as_json:
            print_json(run.evaluation.to_json() | {"run": str(run.folder)})
        else:
            print_evaluation(run.evaluation)
            print(f"Report: {run.folder / 'report.html'}")
            print(f"Try it: knownface recognize {run.folder} PHOTO")


@app.command()
def compare(
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbones: Annotated[str, typer.Option(help="Names, separated by commas.")] = (
        "facenet,vggface2,senet,arcface,mobilefacenet"
    ),
    recipes: Annotated[str, typer.Option(help="best, seed or frozen, separated by commas.")] = (
        "best"
    ),
    weights: Annotated[
        list[str] | None, typer.Option(help="BACKBONE=FILE or BACKBONE=none; may be repeated.")
    ] = None,
    accept_license: Licence = False,
    loss: Loss = None,
    strangers: Strangers = None,
    faces: Faces = "detect",
    epochs: Epochs = None,
    validation: Validation = 0.2,
    split: Split = None,
    far: Far = 0.01,
    seed: Annotated[int, typer.Option()] = 0,
    precision: Precision = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for the runs; default: in runs/.")] = (
        None
    ),
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train several backbones and recipes on one split: one table, one report."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.comparison import compare as run_comparison

        result = run_comparison(
            data,
            _listed(backbones),
            _listed(recipes),
            out,
            track,
            dict(_assigned(text) for text in weights or []),
            accept_license=accept_license,
            loss=loss,
            strangers=str(strangers) if strangers else None,
            faces=_faces(faces),
            epochs=epochs,
            validation=validation,
            split=str(split) if split else None,
            far_target=far,
            seed=seed,
            precision=precision,
            device=device,
        )
        if as_json:
            print_json(result.to_json())
        else:
            print_comparison(result)
            print(f"Report: {result.folder / 'report.html'}")


@app.command()
def check(
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: Faces = "detect",
    out: Annotated[
        Path | None, typer.Option(help="The page; default: runs/<folder>-check.html.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a cleaned copy of the photos.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find what is wrong with a folder's photos and names, before training."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.cleaning import copy_good, new_copy
        from knownface.doctor import check as run_check
        from knownface.doctor_page import write_page

        page = out or Path("runs") / f"{data.resolve().name}-check.html"
        if page.is_dir():
            raise KnownfaceError(f"--out {page}: is a folder; name a file in it")
        with new_copy(fix, data) as copy:
            found = run_check(data, backbone, weights, accept_license, _faces(faces), device, track)
            with writing(page):
                write_page(page, found)
            copied = copy_good(found, copy, track) if copy else 0
        if as_json:
            print_json(found.to_json())
            note(f"Page: {page}")
        else:
            print_diagnosis(found)
            print(f"Page: {page}")
            if fix:
                print(f"Cleaned copy: {fix}, {copied} of {len(found.photos)} photos")


@app.command()
def evaluate(
    recognizer: Annotated[Path, typer.Argument(help="A run or recognizer folder.")],
    data: Annotated[Path, typer.Argument(help="People, in sub-folders named as enrolled.")],
    strangers: Strangers = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and report.")] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Test a recogniser on photos it has not seen; enrolled photos are left out."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.evaluation import read_and_evaluate
        from knownface.explanation import explain
        from knownface.recognizer import Recognizer
        from knownface.report import write_report

        loaded = Recognizer.load(recognizer, device)
        result, people, others = read_and_evaluate(loaded, data, strangers, track)
        if out:
            with writing(out):
                out.mkdir(parents=True, exist_ok=True)
                result.save(out / "evaluation.json")
                write_report(out, result, explain(loaded, people, others))
        if as_json:
            print_json(result.to_json())
        else:
            print_evaluation(result)
            if out:
                print(f"Report: {out / 'report.html'}")


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders made by train.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("runs/report.html"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put several finished runs side by side on one page."""
    with session(quiet or as_json, notes=not quiet):
        from knownface.comparison_page import read_run, tested_on_the_same, write_comparison

        if out.is_dir():
            raise KnownfaceError(f"--out {out}: is a folder; name a file in it")
        rows = [read_run(folder) for folder in runs]
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_comparison(out, rows, Path(), tested_on_the_same(runs))
        if as_json:
            print_json({"rows": rows})
            note(f"Page: {out}")
        else:
            print_rows(rows)
            print(f"Page: {out}")


@app.command()
def recognize(
    recognizer: Annotated[Path, typer.Argument(help="A run or recognizer folder.")],
    source: Annotated[list[str], typer.Argument(help="Photos, folders or globs.")],
    out: Annotated[Path | None, typer.Option(help="Folder for annotated copies.")] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Name every face: one line per face, `photo.jpg: name similarity [x, y, w, h]`."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.recognizer import Recognizer

        paths = _photos(source)
        loaded = Recognizer.load(recognizer, device)
        note(f"Device: {loaded.embedder.device}")
        if out:
            with writing(out):
                out.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        photos = []
        for recognition in loaded.recognize_photos(paths, track):
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


@app.command()
def verify(
    first: Annotated[Path, typer.Argument(metavar="PHOTO")],
    second: Annotated[Path, typer.Argument(metavar="PHOTO")],
    recognizer: Annotated[
        Path | None, typer.Option(help="Use this recogniser's network and people instead.")
    ] = None,
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    far: Annotated[float | None, typer.Option(help="False-accept rate of the threshold.")] = None,
    faces: Faces = "detect",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Do two photos show the same person? Compares the largest face of each."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.verification import impostor_threshold
        from knownface.verification import verify as compare

        if recognizer:
            from knownface.recognizer import Recognizer

            loaded = Recognizer.load(recognizer, device)
            gallery, embedder, cropper = loaded.gallery, loaded.embedder, loaded.cropper(track)
            rate = 0.01 if far is None else far
            threshold = impostor_threshold(gallery.embeddings, gallery.labels, rate)
        else:
            record, cropper, embedder = _frozen(
                backbone, weights, accept_license, faces, device, track
            )
            rate = 0.001 if far is None else far
            threshold = record.verification_threshold(rate)
        result = compare(first, second, cropper, embedder, threshold, rate)
        if as_json:
            print_json(asdict(result))
        else:
            answer = "same person" if result.same else "different people"
            print(
                f"{answer}: similarity {result.similarity:.3f}, threshold {threshold:.3f} "
                f"(false-accept rate {rate:g})"
            )


@app.command()
def benchmark(
    pairs: Annotated[
        Path, typer.Option(help="A pair list as of LFW or MFR2, or CFP's Protocol/Split/FF or FP.")
    ],
    images: Annotated[
        Path, typer.Option(help="The folder with name/name_0001.jpg, or CFP's Data.")
    ],
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: Faces = "detect",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A published verification protocol: accuracy over folds, TAR at FAR, equal error rate."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.pair_lists import read_pairs
        from knownface.verification import run_benchmark

        listed = read_pairs(pairs, images)
        record, cropper, embedder = _frozen(backbone, weights, accept_license, faces, device, track)
        result = run_benchmark(listed, cropper, embedder, track)
        if as_json:
            print_json(asdict(result) | {"published": dict(record.published)})
            return
        print(
            f"accuracy {result.accuracy:.4f} ± {result.accuracy_std:.4f} (standard deviation over "
            f"{len(result.folds)} folds), {result.pairs} pairs, {result.skipped} skipped"
        )
        rates = ", ".join(f"{tar:.4f} at {far}" for far, tar in result.tar_at_far.items())
        print(f"equal error rate {result.eer:.4f}; true-accept rate {rates} false accepts")
        print(f"threshold {result.threshold:.3f}; {embedder.device}")
        if record.published:
            stated = ", ".join(f"{name} {share:.4f}" for name, share in record.published.items())
            print(f"published for {record.name}, by its authors: {stated}")


@networks.callback()
def backbones(context: typer.Context, as_json: Json = False, quiet: Quiet = False) -> None:
    """The networks to choose from, and which weight files are on this machine."""
    if context.invoked_subcommand:
        return
    with session(quiet or as_json, notes=not quiet):
        from knownface.backbones import BACKBONES
        from knownface.weights import find

        rows: list[dict[str, Any]] = [
            {
                "name": record.name,
                "network": record.network,
                "trained_on": record.trained_on,
                "parameters": record.parameters,
                "size": record.crop.size,
                "embedding_size": record.embedding_size,
                "licence": record.licence,
                "files": [
                    {
                        "name": file.name,
                        "url": file.url,
                        "bytes": file.bytes,
                        "sha256": file.sha256,
                        "present": find(file) is not None,
                    }
                    for file in record.weight_files
                ],
            }
            for record in BACKBONES.values()
        ]
        if as_json:
            print_json(rows)
            return
        print_backbones(rows)


@networks.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A backbone.")],
    accept_license: Licence = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Download the weight file of one backbone, checked, into the cache."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.backbones import get_backbone, locate_weights

        path = locate_weights(get_backbone(name), None, track, accept_license)
        if as_json:
            print_json({"name": name, "path": str(path)})
        else:
            print(path)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    people: Annotated[int, typer.Option(help="How many people to invent.")] = 10,
    photos: Annotated[int, typer.Option(help="Photos of each.")] = 40,
    strangers: Annotated[
        int, typer.Option(help="Others to be refused: DIR/strangers beside DIR/people.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Other people for each number.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write photos of people who do not exist, to try everything with nobody's photo."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.synthetic.folder import write_people

        write_people(folder, people, photos, strangers, seed, track)
        if as_json:
            print_json({"folder": str(folder), "people": people, "photos": people * photos})
        else:
            print(f"{people} invented people with {photos} photos each: {folder}")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


# ---------------------------------------------------------------- shared steps
def _frozen(
    backbone: str, weights: str | None, accept_license: bool, faces: str, device: str, track: Any
) -> tuple[Backbone, FaceCropper, Any]:
    """A backbone as it is, without a recogniser: its record, a cropper, an embedder."""
    from knownface.backbones import choose_backbone
    from knownface.crops import FaceCropper
    from knownface.detection import load_detector
    from knownface.export import backbone_embedder

    record = choose_backbone(backbone, weights, track)
    embedder = backbone_embedder(
        record, weights, device, track=track, accept_license=accept_license
    )
    note(f"Backbone: {record.name}, device: {embedder.device}")
    detector = load_detector(track) if _faces(faces) == "detect" else None
    return record, FaceCropper(record.crop, detector), embedder


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


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _assigned(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise KnownfaceError(f"--weights {text}: write BACKBONE=FILE, such as facenet=weights.h5")
    return name, value


def _faces(value: str) -> Any:
    if value not in ("detect", "cropped"):
        raise KnownfaceError(f"--faces must be detect or cropped, not {value}")
    return value


def _save_annotated(recognition: Recognition, folder: Path) -> None:
    from knownface.annotation import annotate
    from knownface.images import read_image, write_image

    stem = Path(recognition.path).stem
    target, number = folder / f"{stem}.jpg", 1
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}.jpg"
    write_image(target, annotate(read_image(recognition.path), recognition))


def main() -> None:
    """The console script: 0 is success, 2 what the user can mend, 1 our fault, 130 interrupted."""
    try:
        app()
    except KeyboardInterrupt:  # again, while the first one was being tidied up after
        sys.exit(130)
