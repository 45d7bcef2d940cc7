"""The shell and Python have the same verbs, parameters, defaults and refusals."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import knownface as typed
from typer.testing import CliRunner

import knownface
from knownface.cli.commands import NAMES, app
from knownface.errors import KnownfaceError

VERBS = ["train", "compare", "check", "evaluate", "report", "recognize", "group", "people",
         "enroll", "correct", "never-same", "forget", "undo", "history", "backup", "restore",
         "share", "import", "serve", "export", "index", "search", "verify", "benchmark", "demo",
         "backbones"]  # fmt: skip


SHELL_ONLY = ("as_json", "quiet", "help", "new_key")


def shell(verb: str) -> dict[str, Any]:
    """The command's parameters and defaults, without what is about printing."""
    group: Any = typer.main.get_command(app)
    command = group.get_command(None, verb)
    parameters = getattr(command, "commands", {"list": command}).get("list", command).params
    return {p.name: p.default for p in parameters if p.name not in SHELL_ONLY}


def named(verb: str) -> str:
    """What a verb is called in Python."""
    return NAMES.get(verb, verb.replace("-", "_"))


def python(verb: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(knownface, named(verb))).parameters.values()
    return {
        p.name: None if p.default is p.empty else p.default for p in parameters if p.name != "track"
    }


def test_the_shell_has_the_verbs_of_python() -> None:
    group: Any = typer.main.get_command(app)
    assert group.list_commands(None) == VERBS
    functions = {name for name in knownface.__all__ if inspect.isfunction(getattr(knownface, name))}
    more = {"fetch", "load_backbone", "read_image"}  # fetch: of `backbones`
    assert functions == {*map(named, VERBS)} | more


@pytest.mark.parametrize("verb", VERBS)
def test_parameters_and_defaults_are_the_same(verb: str) -> None:
    ours = {
        name: ",".join(default) if isinstance(default, tuple) else default
        for name, default in python(verb).items()
    }
    assert shell(verb) == ours


def test_every_parameter_is_seen_by_editors() -> None:
    for verb in VERBS:
        kinds = {
            p.kind for p in inspect.signature(getattr(knownface, named(verb))).parameters.values()
        }
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


@pytest.mark.parametrize(
    ("verb", "arguments", "wrong", "sentence"),
    [
        ("train", ["people"], {"faces": "some"}, "{} must be detect or cropped, not some"),
        ("train", ["people"], {"recipe": "magic"}, "{} must be best, seed or frozen, not magic"),
        ("train", ["people"], {"loss": "x"}, "{} must be softmax, arcface or cosface, not x"),
        ("train", ["people"], {"learning_rate": -1.0}, "{} must be above 0, not -1.0"),
        ("train", ["people"], {"device": "tpu"}, "{} must be auto, cpu, cuda or coreml, not tpu"),
        (
            "train", ["people"], {"far_target": 2.0},
            "{} must be between 0 and 1, such as 0.01, not 2.0",
        ),
        ("compare", ["people"], {"seed": -1}, "{} must be between 0 and 4294967295, not -1"),
        (
            "train", ["people"], {"seed": 2**32},
            "{} must be between 0 and 4294967295, not 4294967296",
        ),
        ("check", ["people"], {"faces": "some"}, "{} must be detect or cropped, not some"),
        ("check", ["people"], {"device": "tpu"}, "{} must be auto, cpu, cuda or coreml, not tpu"),
        ("verify", ["a.jpg", "b.jpg"], {"faces": "x"}, "{} must be detect or cropped, not x"),
        (
            "verify", ["a.jpg", "b.jpg"], {"far": 0.0},
            "{} must be between 0 and 1, such as 0.001, not 0.0",
        ),
        ("demo", ["here"], {"photos": 0}, "{} must be between 1 and 1000, not 0"),
        ("report", ["none"], {"out": "."}, "{} .: is a folder; name a file in it"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_the_same_sentence(
    verb: str,
    arguments: list[str],
    wrong: dict[str, Any],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people" / "Ann").mkdir(parents=True)
    (tmp_path / "people" / "Ann" / "1.jpg").touch()
    [(name, value)] = wrong.items()
    flag = "--far" if name == "far_target" else f"--{name.replace('_', '-')}"
    done = CliRunner().invoke(app, [verb, *arguments, flag, str(value)])
    assert done.exit_code == 2
    assert done.stderr.strip() == f"knownface: {sentence.format(flag)}"
    called = [arguments] if verb == "report" else arguments
    with pytest.raises(KnownfaceError) as caught:
        getattr(knownface, verb)(*called, **wrong)
    said = sentence.replace("{} .:", f"{name}='.':").format(name)
    assert str(caught.value) == said


def test_a_misspelt_verb_is_guessed() -> None:
    done = CliRunner().invoke(app, ["evalute"])
    assert done.exit_code == 2
    assert "Did you mean 'evaluate'?" in done.stderr


HEAVY = ("numpy", "cv2", "scipy", "sklearn", "keras", "tensorflow", "onnx", "openvino", "PIL")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["recognize", "--help"],
        ["train", "nowhere"],
        ["train", ".", "--strangers", "nowhere"],
        ["train", ".", "--loss", "hinge"],
        ["compare", "nowhere"],
        ["check", "nowhere"],
        ["evaluate", "nowhere", "nowhere"],
        ["recognize", "nowhere", "nowhere.jpg"],
    ],
)
def test_help_and_missing_folders_need_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from knownface.cli.commands import app
app({arguments!r}, standalone_mode=False)
loaded = sorted(name for name in {HEAVY!r} if name in sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--help" in arguments or done.stderr.startswith("knownface: ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["people", "remove", "run", "Zed"],
            "Invalid value for 'number': must be a whole number, not 'Zed'. "
            "A face, as `people faces` numbers them.",
        ),
        (
            ["people", "split", "run", "Ann", "Bob", "1", "two"],
            "Invalid value for 'numbers': must be a whole number, not 'two'. "
            "Faces, as `people faces` numbers them.",
        ),
        (["undo", "run", "--change", "x"], "'--change': must be a whole number, not 'x'. Its"),
        (["recognize", "run", "a.jpg", "--threshold", "x"], "must be a number, not 'x'."),
    ],
)
def test_a_word_where_a_number_belongs_is_said_plainly(arguments: list[str], sentence: str) -> None:
    done = typed(*arguments)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert "nput should be" not in done.stderr
