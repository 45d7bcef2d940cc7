"""Each number is described once: pages, command line and documentation say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from invented import UNTESTED, invented

from knownface.cli.printing import print_evaluation
from knownface.measure import numbers
from knownface.measure.numbers import Number
from knownface.pages.notebook import evaluation_html
from knownface.pages.report import write_report

ALL = [each for each in vars(numbers).values() if isinstance(each, Number)]
DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"


def found_in(document: Any, key: str) -> Any:
    """What a JSON document has under a key, or in the first of a list."""
    name, _, rest = key.partition(".")
    if key in document:
        return document[key]
    inner = document[name.removesuffix("[]")]
    return found_in(inner[0] if name.endswith("[]") else inner, rest)


@pytest.mark.parametrize("number", ALL, ids=lambda number: number.key)
def test_a_number_is_where_its_key_says(number: Number) -> None:
    evaluation, _ = invented(3)
    document = evaluation.to_json() | {"parameters": 1_000_000}
    value = found_in(document, number.key)
    assert number.cell(value) == (number.written(value), value)
    if "[]" not in number.key and number is not numbers.PARAMETERS:
        assert number.of(evaluation) == value
        interval = number.interval(evaluation)
        assert interval == (found_in(document, number.ci95) if number.ci95 else None)
        if interval:
            assert interval[0] <= value <= interval[1]


def test_what_was_not_measured_is_none() -> None:
    evaluation = replace(invented(3)[0], open_set=UNTESTED, calibration=None, folds=None, split={})
    for number in (
        numbers.DIR,
        numbers.DIR_AT_FAR_1,
        numbers.CROSS_VALIDATED,
        numbers.RANDOM_SPLIT,
    ):
        assert number.of(evaluation) is None
        assert number.interval(evaluation) is None
        assert number.cell(number.of(evaluation)) == ("not measured", -1.0)


def test_pages_and_the_command_line_use_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation, explanation = invented(3)
    write_report(tmp_path, evaluation, explanation)
    page = (tmp_path / "report.html").read_text().replace("\u00a0", " ").replace("&#39;", "'")
    print_evaluation(evaluation)
    printed = capsys.readouterr().out
    view = evaluation_html(evaluation)
    for number in ALL:
        if number in (numbers.PARAMETERS, numbers.RATE):
            continue  # of the comparison
        assert number.name in page
    for number in (numbers.ACCURACY, numbers.DIR, numbers.FAR):
        low, high = number.interval(evaluation) or (0, 0)
        value = number.of(evaluation)
        assert f"<dt>{number.name}</dt><dd>{numbers.percent(value)}</dd>" in page
        assert number.meaning in page
        assert number.name in view
        assert f"{100 * low:.1f} % to {100 * high:.1f} %" in page
        assert f"{100 * low:.1f} % to {100 * high:.1f} %" in view
        share = f"{100 * low:.1f} % to {100 * high:.1f} %"
        exact = f"{number.name} {value:.3f} (95 % interval {low:.3f} to {high:.3f})"
        assert (exact if number is numbers.ACCURACY else share) in printed


def test_the_documentation_is_the_same_description() -> None:
    rows = [
        f"| `{n.key}` | {n.name} | {n.meaning} | {f'`{n.ci95}`' if n.ci95 else ''} |" for n in ALL
    ]
    documented = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert documented == rows
