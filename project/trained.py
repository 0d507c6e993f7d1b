"""A completed run, opened again: its configuration, its net with the final weights, its pairs.

What a trained net is used for (predicting, exporting, showing) begins here.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.report.choosing import best_run_by_validation
from project.report.runs import read_runs
from project.runs.directory import COMPLETED, NoRunError, read_record, read_training_origin
from project.runs.identity import Run

if TYPE_CHECKING:
    from torch import nn

    from project.data.pairs import PairsDataModule


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """config: resolved; record: run.json; run: who it is; sha256: of the data it was trained on."""

    directory: Path
    config: dict[str, Any]
    record: dict[str, Any]
    run: Run
    sha256: str

    def net(self) -> "nn.Module":
        """With the weights of the end of the run, ready to answer; raises CheckpointError."""
        from project.building import build_net
        from project.training.checkpoint import LAST, AtomicCheckpointIO, CheckpointError

        net, path = build_net(self.config["model"]), self.directory / LAST
        # Not previous.ckpt: its weights are not those whose errors are on record.
        try:
            state = AtomicCheckpointIO().load_checkpoint(path)["state_dict"]
            net.load_state_dict({name.removeprefix("net."): value for name, value in state.items()})
        except Exception as error:  # damaged bytes can raise anything
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            raise CheckpointError(
                f"{path} does not give the run's net ({reason}); the command that made the run "
                "makes it anew with rerun=true"
            ) from None
        return net.eval()

    def data(self, folder: str | None = None, **changes: Any) -> "PairsDataModule":
        """The run's pairs; raises DataError if the data are others now.

        folder: paths.data, None for the run's own. changes: to the configuration's section `data`.
        """
        from project.data.mnist import prepare
        from project.data.originals import DataError
        from project.data.pairs import PairsDataModule

        config, root = self.config, Path(folder or self.config["paths"]["data"])
        now = prepare(root, config["data"]["source"]).sha256
        if now != self.sha256:
            raise DataError(
                f"the data in {root} (SHA-256 {now}) are not those of {self.directory} "
                f"({self.sha256}); let paths.data name the folder that has them"
            )
        # Runs of before the seeds were split have no such section.
        seed = config.get("seeds", {}).get("data", config["seed"])
        data = PairsDataModule(root=root, seed=seed, order_seed=seed, **(config["data"] | changes))
        data.setup()
        return data


def open_run(directory: Path) -> TrainedRun:
    """The completed run in `directory`; raises NoRunError or DamagedRunError."""
    record = read_record(directory) if directory.is_dir() else None
    if record is None:
        raise NoRunError(
            f"{directory} holds no completed run, for there is no run.json in it; name one as "
            "outputs/runs/<arm>/seed=<k>"
        )
    if record["status"] != COMPLETED:
        raise NoRunError(
            f"{directory} holds no completed run, but one that is {record['status']}; the command "
            "that began it completes it"
        )
    config, run, sha256 = read_training_origin(directory, record)
    return TrainedRun(directory, config, record, run, sha256)


def best_run(outputs: Path) -> tuple[TrainedRun, str]:
    """The run under `outputs`/runs of the lowest validation error, and why; raises NoRunError."""
    runs, problems = read_runs(outputs, None)
    best, others = best_run_by_validation(runs)
    if best is None:
        raise NoRunError(
            f"there is no completed run with a validation error in {outputs / 'runs'}; "
            "python -m project.train makes one"
        )
    error = f"{100 * best.metrics['val/error']:.2f} %"
    why = f"the lowest validation error, {error}, of {others} completed run{'s' * (others != 1)}"
    if problems:
        why += f" ({len(problems)} more cannot be read; project.report names them)"
    return open_run(best.directory), why


@dataclass(frozen=True, eq=False)
class Words:
    """What the words of a command say about its run; `others` are the command's own.

    run: None for the best one under `outputs`.
    """

    run: Path | None
    outputs: Path
    data: str | None
    others: list[str]

    def open(self) -> TrainedRun:
        """The run, ready to be used; says on stderr which one `best` is."""
        if self.run is not None:
            return open_run(self.run)
        trained, why = best_run(self.outputs)
        print(f"run={trained.directory}: {why}", file=sys.stderr)
        return trained


def read_words(words: Sequence[str]) -> Words:
    """Take `run=DIRECTORY` or `best`, `paths.outputs=` and `paths.data=` out of a command's words.

    Raises NoRunError unless there is one of the first two.
    """
    keys = ("run", "paths.outputs", "paths.data")
    values: dict[str, str] = {}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in keys:
            if key in values:
                raise NoRunError(f"{key}= is given twice; leave one out")
            values[key] = value
        else:
            others.append(word)
    best = others[:1] == ["best"]
    if best == ("run" in values):
        raise NoRunError(
            "run= and best are two choices; leave one out"
            if best
            else "name a run first: run=outputs/runs/<arm>/seed=<k>, or `best` for the one of the "
            "lowest validation error"
        )
    return Words(
        run=None if best else Path(values["run"]),
        outputs=Path(values.get("paths.outputs", "outputs")),
        data=values.get("paths.data"),
        others=others[best:],
    )
