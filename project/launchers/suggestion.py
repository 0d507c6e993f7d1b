"""What a long sweep is told once: that a minute's checks may spare its hours."""

import sys

LONG_SECONDS = 3600.0


def suggest_check(command: str, seconds_left: float | None) -> None:
    """Point to project.check where a sweep of project.train takes more than an hour.

    Args:
        command: `train` or `disk`.
        seconds_left: An estimate; None for none.
    """
    if command == "train" and seconds_left is not None and seconds_left > LONG_SECONDS:
        print(
            f"about {seconds_left / 3600:.1f} hours are left: `python -m project.check`, typed "
            "with the same words, says in a minute whether the experiment is fit for them",
            file=sys.stderr,
        )
