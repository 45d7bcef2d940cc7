"""The verbs, each from the module of its name, which is imported when it is needed."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from knownface import __version__
from knownface.cli.console import say
from knownface.visible import visible

VERBS = {
    "train": "Train on DATA/<person>/*.jpg: a run folder with recogniser, evaluation and report.",
    "compare": "Train several backbones and recipes on one split: one table, one report.",
    "check": "Find what is wrong with a folder's photos and names, before training.",
    "evaluate": "Test a recogniser on photos it has not seen; enrolled photos are left out.",
    "report": "Put several finished runs side by side on one page.",
    "recognize": "Name every face: one line per face, `photo.jpg: name similarity [x, y, w, h]`.",
    "group": "Sort a pile of photos into one folder for each person.",
    "people": "Who is known; rename, merge, split, forget and more.",
    "enroll": "Add photos of somebody, new or known, without training again.",
    "correct": "Say who a face is, who it is not, or that it is nobody: for good.",
    "never-same": "Two people who are never to be merged, whatever they look like.",
    "forget": "Erase every trace of somebody, prove it, and give a receipt.",
    "undo": "Take a change of who is known back.",
    "history": "The changes of who is known, the last first.",
    "backup": "Everything about people in one file.",
    "restore": "Put a backup in the place of who is known.",
    "share": "Let several servers know the same people, through a Milvus database.",
    "import": "Take the people of a CompreFace server, of Frigate or of folders over.",
    "serve": "Answer over HTTP: an API, CompreFace's endpoints, and a web page.",
    "export": "Write a recogniser for ONNX Runtime, OpenVINO or LiteRT, after it was tested again.",
    "index": "Find and embed the faces of very many photos once, into an index that grows.",
    "search": "Who of an index looks like the faces of a photo.",
    "verify": "Do two photos show the same person? Of several faces, compares the pair most alike.",
    "benchmark": "A published verification protocol: accuracy over folds, TAR at FAR, equal error "
    "rate.",
    "demo": "Write photos of people who do not exist, to try everything with nobody's photo.",
    "backbones": "The networks to choose from, and which weight files are on this machine.",
}

# Where a verb is not in the module of its name.
MODULES = dict.fromkeys(
    ("enroll", "correct", "never-same", "forget", "undo", "history", "backup", "restore", "share"),
    "living",
)
# Verbs whose name Python keeps for itself, and what they are called there.
NAMES = {"import": "import_people"}


class _Verbs(TyperGroup):
    """The verbs, each from the module of its name when somebody asks for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            self.commands.update({verb: TyperCommand(verb) for verb in VERBS})  # may be meant
            return None
        return _command(cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """What was typed wrongly is shown, and does nothing to the terminal."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(text := getattr(error, "message", None), str):
                error.message = visible(_no_number(error) or text)  # type: ignore[attr-defined]
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        limit = formatter.width - 6 - max(map(len, VERBS))
        with formatter.section("Commands"):
            formatter.write_dl(
                (verb, TyperCommand(verb, help=text).get_short_help_str(limit))
                for verb, text in VERBS.items()
            )


def _no_number(error: Exception) -> str:
    """What to say of a word where a number belongs, for which Typer has Pydantic's sentence."""
    found: list[Any] = getattr(error.__cause__, "errors", list)()
    kind = str(found[0]["type"]) if found else ""
    if not kind.startswith(("int_", "float_")):
        return ""
    wanted = "a whole number" if kind.startswith("int_") else "a number"
    help = getattr(getattr(error, "param", None), "help", None)
    return f"must be {wanted}, not {found[0]['input']!r}." + (f" {help}" if help else "")


def _command(verb: str) -> Any:
    name = NAMES.get(verb, verb).replace("-", "_")
    module = importlib.import_module(f"knownface.cli.{MODULES.get(verb, name)}")
    if hasattr(module, "app"):  # it has commands of its own
        return typer.main.get_command(module.app)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb, help=VERBS[verb])(getattr(module, name))
    return typer.main.get_command(app)


app = typer.Typer(
    name="knownface",
    help="From a folder of photos of your people to a recogniser that you can deploy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=_Verbs,
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        say(__version__)
        raise typer.Exit
