"""What an interrupted command says: the line to type."""

import shlex

from project.command import command_to_go_on

PROGRAM = ("python", "-m", "project.train")


def go_on(*arguments: str) -> str:
    return command_to_go_on((*PROGRAM, *arguments), arguments)


def test_the_command_to_go_on_is_the_one_that_was_typed() -> None:
    line = go_on("model=resnet", "-m", "seed=range(10)", "paths.outputs=my runs")
    assert (
        line == "python -m project.train model=resnet -m 'seed=range(10)' 'paths.outputs=my runs'"
    )
    assert shlex.split(line) == [
        *PROGRAM,
        "model=resnet",
        "-m",
        "seed=range(10)",
        "paths.outputs=my runs",
    ]


def test_an_interrupted_rerun_goes_on_without_beginning_again() -> None:
    assert go_on("seed=1", "rerun=true") == "python -m project.train seed=1"


def test_an_interrupted_sweep_of_reruns_is_named_as_it_was() -> None:
    """Without rerun=true, those of its runs that had not begun would count as done."""
    line = "python -m project.train -m rerun=true seed=1,2"
    assert go_on("-m", "rerun=true", "seed=1,2") == line
