"""python -m project.projector RUN: the ten features of a run's test digits, for TensorBoard.

    python -m project.projector outputs/runs/ws_al_bn_do-d5d5b3ad/seed=0

Each of the two digits of a test pair is a point, with its image, its class and what the net read.
`make dashboard`, started after this, has a tab Projector; "Color by: digit" shows the classes.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from project.data.pairs import Pairs


class ProjectorError(Exception):
    """The run cannot be shown."""

    exit_code = 2


def completed_run(directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and record of the run; raises ProjectorError or DamagedRunError."""
    import yaml

    from project.runs.directory import completed_record

    record = completed_record(directory)
    if record is None:
        raise ProjectorError(
            f"{directory} holds no completed run; name one as outputs/runs/<arm>/seed=<k>"
        )
    config = yaml.safe_load((directory / "config.yaml").read_text())
    if "_target_" not in config.get("model", {}):
        raise ProjectorError(f"{directory} is no run of project.train")
    return config, record


def trained_net(directory: Path, config: dict[str, Any]) -> "nn.Module":
    """The run's net with its final weights."""
    from project.building import build_net
    from project.training.checkpoint import LAST, AtomicCheckpointIO

    net = build_net(config["model"])
    state = AtomicCheckpointIO().load_checkpoint(directory / LAST)["state_dict"]
    net.load_state_dict({name.removeprefix("net."): value for name, value in state.items()})
    return net


def pairs_of_test(config: dict[str, Any], record: dict[str, Any]) -> "Pairs":
    """The pairs that the run was tested on; raises ProjectorError if the data are others now."""
    from project.data.mnist import prepare
    from project.data.pairs import PairsDataModule

    root, source = config["paths"]["data"], config["data"]["source"]
    now, then = prepare(Path(root), source).sha256, record["provenance"]["data"]["sha256"]
    if now != then:
        raise ProjectorError(f"the data in {root} (SHA-256 {now}) are not the run's ({then})")
    # Runs of before the seeds were split have no such section.
    seed = config.get("seeds", {}).get("data", config["seed"])
    data = PairsDataModule(root=root, seed=seed, order_seed=seed, **config["data"])
    data.setup()
    return data.test


def show(directory: Path) -> Path:
    """Write the run's projector files; returns their folder."""
    config, record = completed_run(directory)
    from project.training.dashboard.projector import digit_features, write_projector

    net, pairs = trained_net(directory, config), pairs_of_test(config, record)
    try:
        features = digit_features(net, pairs)
    except ValueError as error:
        raise ProjectorError(str(error)) from None
    return write_projector(directory, features, pairs)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="project.projector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="directory of a completed run")
    arguments = parser.parse_args()
    try:
        print(show(arguments.run))
        print('start `make dashboard` anew: tab Projector, "Color by: digit"')
    except Exception as error:
        code = getattr(error, "exit_code", 3 if isinstance(error, OSError) else None)
        if code is None:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
