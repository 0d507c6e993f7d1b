"""python -m project.projector RUN: the ten features of a run's test digits, for TensorBoard.

    python -m project.projector outputs/runs/ws_al_bn_do-419b4345/seed_0

Each of the two digits of a test pair is a point, with its image, its class and what the net read.
`make dashboard`, started after this, has a tab Projector; "Color by: digit" shows the classes.
"""

import argparse
from pathlib import Path

from project.cli import main as cli


class ProjectorError(Exception):
    """The run cannot be shown."""

    exit_code = 2


def show(directory: Path) -> Path:
    """Write the run's projector files; returns their folder."""
    from project.training.load_run import load_run

    trained = load_run(directory)
    from project.runs.directory import refuse_link_outside
    from project.tasks.projector import digit_features, write_projector

    refuse_link_outside(directory / "plugins", directory)
    net, pairs = trained.net(), trained.data().test
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

    def task() -> None:
        print(show(arguments.run))
        print('start `make dashboard` anew: tab Projector, "Color by: digit"')

    cli.run_plain(task)


if __name__ == "__main__":
    main()
