"""Training without the imports that it does not need: a command begins in half the time.

What torch and Lightning import for others (compilers, metrics of images) takes longer than what
they need. For whoever wants it, in the same process too, it is there as always.
"""

from project.lean_imports import dynamo, metrics


def install() -> None:
    """For this process; without effect on what has been imported already."""
    metrics.install()
    dynamo.install()
