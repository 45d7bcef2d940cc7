"""What training did, epoch by epoch: `history.csv`, and where else it is sent."""

from __future__ import annotations

import csv
import importlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.files.whole import whole_file
from knownface.options import argument

log = logging.getLogger(__name__)

Row = dict[str, Any]  # one epoch: its number, loss, accuracy, and what else was measured


class History:
    """`history.csv` of a run folder, a row per epoch of every stage, and where else it is sent.

    tensorboard: also write event files to `tensorboard/`; mlflow: also log to MLflow, as a run of
    that name with options as parameters. Raises KnownfaceError where such a package is missing.
    """

    def __init__(
        self, folder: Path, name: str, tensorboard: bool, mlflow: bool, options: dict[str, Any]
    ) -> None:
        self.path, self.rows = folder / "history.csv", dict[str, list[Row]]()
        self._events = _package("tensorboardX", "tensorboard") if tensorboard else None
        self._mlflow = _package("mlflow", "mlflow") if mlflow else None
        self._folder, self._name, self._options = folder, name, options

    def __enter__(self) -> History:
        if self._events:
            self._writer = self._events.SummaryWriter(str(self._folder / "tensorboard"))
        if self._mlflow:
            self._mlflow.start_run(run_name=self._name)
            self._mlflow.log_params(self._options)
        return self

    def __exit__(self, *_: object) -> None:
        if self._events:
            self._writer.close()
        if self._mlflow:
            self._mlflow.end_run()

    def stage(self, name: str) -> Callable[[list[Row]], None]:
        """Called with all rows of a stage so far, once an epoch."""

        def watch(rows: list[Row]) -> None:
            new = rows[len(self.rows.get(name, [])) :]
            self.rows[name] = list(rows)
            if not new:
                return
            self._write()
            for row in new:
                numbers = {key: float(row[key]) for key in row if key != "epoch"}
                self._send(name, row["epoch"], numbers)
            shown = ", ".join(f"{key} {value:.3f}" for key, value in numbers.items())
            log.info("%s, epoch %d: %s", name, row["epoch"], shown)

        return watch

    def _send(self, stage: str, epoch: int, numbers: dict[str, float]) -> None:
        for key, value in numbers.items():
            if self._events:
                self._writer.add_scalar(f"{stage}/{key}", value, epoch)
            if self._mlflow:
                self._mlflow.log_metric(f"{stage}/{key}", value, step=epoch)

    def _write(self) -> None:
        rows = [{"stage": stage, **row} for stage, some in self.rows.items() for row in some]
        columns = dict.fromkeys(key for row in rows for key in row)
        with (
            whole_file(self.path) as part,
            part.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, list(columns))
            writer.writeheader()
            writer.writerows(rows)


def _package(name: str, extra: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        return importlib.import_module(name)
    except ImportError:
        needs = f"{argument(extra, True)} needs {name}"
        raise KnownfaceError(f"{needs}; pip install 'knownface[{extra}]'") from None
