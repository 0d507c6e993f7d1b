"""A hint that a long sweep prints once: the checks of `project.check` take only a minute."""

import sys

LONG_SECONDS = 3600.0


def suggest_check(command: str, seconds_left: float | None) -> None:
    """Print a hint to use project.check if a sweep of project.train has over LONG_SECONDS left.

    Args:
        command: `train` or `disk`.
        seconds_left: The estimated time until the sweep ends; None if it is unknown.
    """
    if command == "train" and seconds_left is not None and seconds_left > LONG_SECONDS:
        print(
            f"the runs will take about {seconds_left / 3600:.1f} hours more: `python -m "
            "project.check` with the same arguments checks the experiment in a minute",
            file=sys.stderr,
        )
