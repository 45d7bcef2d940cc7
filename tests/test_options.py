"""Options: checked by type and range, and named as the reader writes them."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

import knownface
from knownface.errors import KnownfaceError
from knownface.options import (
    Option,
    argument,
    checked,
    either,
    naming_flags,
    refuses_unknown,
    taking,
)
from knownface.training.config import ComparisonRequest, TrainingConfig, TrainingRequest

SIDE = Literal["left", "right"]
COUNT = Annotated[int | None, Option(wanted="at least 1", fits=lambda n: n >= 1)]


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def test_an_argument_is_named_as_its_reader_writes_it() -> None:
    said: Callable[[], list[str]] = lambda: [  # noqa: E731 - the same words twice
        argument("learning_rate"),
        argument("faces", "cropped"),
        argument("out", Path("a b/--faces")),
        argument("out", ...),
        argument("resume", True),
        argument("folds", 1),
    ]
    python = ["learning_rate", "faces='cropped'", "out='a b/--faces'", "out=...", "resume=True"]
    assert said() == [*python, "folds=1"]
    with naming_flags(flag):
        shell = ["--learning-rate", "--faces cropped", "--out a b/--faces", "--out", "--resume"]
        assert said() == [*shell, "--folds 1"]
        with pytest.raises(KnownfaceError, match=r"^--batch-size must be a whole number, not '3'"):
            checked("batch_size", int, "3")
    assert said() == [*python, "folds=1"]


def test_either() -> None:
    assert either(["a"]) == "a"
    assert either(["a", "b"]) == "a or b"
    assert either(["softmax", "arcface", "cosface"]) == "softmax, arcface or cosface"


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (int, 3, 3),
        (int, np.int64(3), 3),
        (float, 1, 1.0),
        (float, np.float32(0.5), 0.5),
        (bool, True, True),
        (SIDE, "left", "left"),
        (Path | str | None, Path("a/b"), "a/b"),
        (str | Path | None, "a/b", "a/b"),
        (Path | None, None, None),
        (COUNT, None, None),
        (COUNT, 1, 1),
        (Sequence[SIDE], ["left", "right"], ("left", "right")),
        (Mapping[str, str], {"a": "b"}, {"a": "b"}),
    ],
)
def test_right_values_pass_as_json_keeps_them(kind: Any, value: object, kept: object) -> None:
    found = checked("it", kind, value)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (int, True, "it must be a whole number, not True"),
        (int, 3.0, "it must be a whole number, not 3.0"),
        (int, None, "it must be a whole number, not None"),
        (float, math.nan, "it must be a finite number, not nan"),
        (float, math.inf, "it must be a finite number, not inf"),
        (float, "0.1", "it must be a finite number, not '0.1'"),
        (bool, 1, "it must be True or False, not 1"),
        (SIDE, "top", "it must be left or right, not top"),
        (SIDE, ["left"], "it must be left or right, not ['left']"),
        (Path | str | None, 3, "it must be a path or text, not 3"),
        (COUNT, 0, "it must be at least 1, not 0"),
        (COUNT, True, "it must be a whole number, not True"),
        (Sequence[SIDE], "left", "it must be a list, not 'left'"),
        (Sequence[SIDE], ["left", "top"], "it must be left or right, not top"),
        (Mapping[str, str], ["a"], "it must be a dictionary, not ['a']"),
        (Mapping[str, str], {"a": 3}, "it must be text, not 3"),
    ],
)
def test_wrong_values_are_one_sentence(kind: Any, value: object, sentence: str) -> None:
    with pytest.raises(KnownfaceError) as caught:
        checked("it", kind, value)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("faces", "some", "must be detect or cropped, not some"),
        ("loss", "hinge", "must be softmax, arcface or cosface, not hinge"),
        ("recipe", "magic", "must be best, seed or frozen, not magic"),
        ("precision", "float16", "must be auto, float32 or bfloat16, not float16"),
        ("device", "tpu", "must be auto, cpu, cuda or coreml, not tpu"),
        ("learning_rate", math.nan, "must be a finite number, not nan"),
        ("learning_rate", -1, "must be above 0, not -1"),
        ("far_target", 1.5, "must be between 0 and 1, such as 0.01, not 1.5"),
        ("validation", 0, "must be between 0 and 1, such as 0.2, not 0"),
        ("epochs", True, "must be a whole number, not True"),
        ("batch_size", 0, "must be at least 1, not 0"),
        ("folds", 1, "must be at least 2, not 1"),
        ("seed", -1, "must be between 0 and 4294967295, not -1"),
        ("strangers", 3, "must be text or a path, not 3"),
        ("tensorboard", "yes", "must be True or False, not 'yes'"),
    ],
)
def test_a_config_refuses_wrong_values(option: str, value: Any, words: str) -> None:
    with pytest.raises(KnownfaceError) as caught:
        TrainingConfig("people", **{option: value})
    assert str(caught.value) == f"{option} {words}"


def test_unknown_options_are_refused() -> None:
    for made in (TrainingConfig, TrainingRequest, ComparisonRequest):
        with pytest.raises(KnownfaceError, match=r"^There is no option 'magic'$"):
            made("people", magic=1)
    with pytest.raises(KnownfaceError, match=r"'epoch'; did you mean epochs\?"):
        TrainingConfig("people", epoch=1)  # type: ignore[call-arg]


def test_a_config_is_what_json_keeps_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("people", "others"):
        Path(name).mkdir()
    asked = TrainingRequest(Path("people"), strangers=Path("others"), out=Path("run"), resume=True)
    assert asked.config == TrainingConfig("people", strangers="others")
    assert {"data": "people", "strangers": "others", "faces": "detect"}.items() <= asdict(
        asked.config
    ).items()
    assert not {"out", "resume", "track"} & asdict(asked.config).keys()
    assert repr(asked.config) == "TrainingConfig('people', strangers='others')"


def test_one_field_is_an_option_of_everything() -> None:
    """Adding an option is one edit: the field shows in signature, check and values."""

    @refuses_unknown
    @dataclass(frozen=True, kw_only=True, repr=False)
    class More(TrainingConfig):
        warmup: Annotated[int, Option("Epochs.", wanted="at least 0", fits=lambda n: n >= 0)] = 2

    @taking(More)
    def verb(config: More) -> int:
        return config.warmup

    shown = inspect.signature(verb).parameters["warmup"]
    assert (shown.default, shown.annotation) == (2, int)
    assert verb("people") == 2
    assert verb("people", warmup=3) == 3
    assert asdict(More("people"))["warmup"] == 2
    with pytest.raises(KnownfaceError, match="warmup must be at least 0, not -1"):
        verb("people", warmup=-1)


SPELT = re.compile(r"(?<!pip install )(?<![\w(`-])--[a-z][a-z-]+")


def test_no_sentence_of_the_library_speaks_of_flags() -> None:
    """Errors and notes name arguments with `argument`, which the command line spells as flags."""
    root = Path(knownface.__file__).parent
    for path in root.rglob("*.py"):
        if path.is_relative_to(root / "cli"):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and _says(call):
                said = " ".join(ast.unparse(each) for each in call.args)
                assert not SPELT.search(said), f"{path}:{call.lineno}: {said}"


def _says(call: ast.Call) -> bool:
    """Whether it makes an error or a log record."""
    name = ast.unparse(call.func)
    return name.endswith("Error") or name.startswith("log.")
