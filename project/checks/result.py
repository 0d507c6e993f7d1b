"""What a check says."""

from dataclasses import dataclass

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"


@dataclass(frozen=True)
class CheckResult:
    """A line of the table.

    Attributes:
        name: The check.
        status: OK, WARNING, FAILED or NOT_CHECKED.
        seen: What was seen.
        to_do: What to do about it; empty where there is nothing to do.
    """

    name: str
    status: str
    seen: str
    to_do: str = ""


def ok(name: str, seen: str) -> CheckResult:
    """Return the result of a check that found nothing."""
    return CheckResult(name, OK, seen)


def warning(name: str, seen: str, to_do: str) -> CheckResult:
    """Return the result of a check that found what may be meant."""
    return CheckResult(name, WARNING, seen, to_do)


def failed(name: str, seen: str, to_do: str) -> CheckResult:
    """Return the result of a check that found what cannot be meant."""
    return CheckResult(name, FAILED, seen, to_do)


def not_checked(name: str, reason: str, to_do: str = "") -> CheckResult:
    """Return the result of a check that could not be made, or takes too long."""
    return CheckResult(name, NOT_CHECKED, reason, to_do)


def shown(value: float) -> str:
    """Return a number as the table shows it: four significant digits."""
    return f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share as the table shows it."""
    return f"{100 * share:.3g} %"


def some(names: list[str], most: int = 3) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
