"""python -m project.projector: show the digit features of a run's test pairs in TensorBoard.

    python -m project.projector best             the run with the best validation metric
    python -m project.projector run=DIRECTORY    this run, as outputs/runs/<variant>/seed_<k>

Each digit of a test pair is a point, with its image, its class and the net's answer.
`make dashboard`, started after this, has a tab Projector; "Color by: digit" shows the classes.
"""

from collections.abc import Sequence
from pathlib import Path

from project.cli import main as cli
from project.config.errors import ConfigurationError


def show(words: Sequence[str]) -> Path:
    """Write a run's files for TensorBoard's projector, and return their folder.

    Args:
        words: `best` or `run=DIRECTORY`, and optional `paths.outputs=` and `paths.data=`.

    Raises:
        ConfigurationError: A word is unknown, or the run's net does not classify digits.
        ConflictError: A link leads out of the run directory.
        Exception: As `read_run_words`, `RunWords.open`, `open_pairs` and `LoadedRun.net`.
    """
    from project.training.load_run import open_pairs
    from project.training.run_words import read_run_words

    asked = read_run_words(words, own=())
    trained = asked.open()
    from project.runs.directory import refuse_link_outside
    from project.tasks.projector import digit_features, write_projector

    refuse_link_outside(trained.directory / "plugins", trained.directory)
    pairs, net = open_pairs(trained, asked.data).test, trained.net()
    try:
        features = digit_features(net, pairs)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return write_projector(trained.directory, features, pairs)


def main() -> None:
    """Run `python -m project.projector` with the arguments in `sys.argv`."""
    usage = "(best | run=DIRECTORY) [paths.data=FOLDER]"
    arguments = cli.word_parser("projector", usage, __doc__).parse_args()

    def task() -> None:
        print(show(arguments.words))
        print('restart `make dashboard` and open the tab Projector, "Color by: digit"')

    cli.run_plain(task)


if __name__ == "__main__":
    main()
