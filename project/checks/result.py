"""The result of a check."""

from dataclasses import dataclass

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"


@dataclass(frozen=True)
class CheckResult:
    """The result of a check, a row of the table."""

    name: str
    status: str
    seen: str  # what the check observed, or why it was not made
    to_do: str = ""  # advice to the user


def ok(name: str, seen: str) -> CheckResult:
    """Return the result of a check that found no problem."""
    return CheckResult(name, OK, seen)


def warning(name: str, seen: str, to_do: str) -> CheckResult:
    """Return the result of a check that found something that may be intended."""
    return CheckResult(name, WARNING, seen, to_do)


def failed(name: str, seen: str, to_do: str) -> CheckResult:
    """Return the result of a check that found something that cannot be intended."""
    return CheckResult(name, FAILED, seen, to_do)


def not_checked(name: str, reason: str, to_do: str = "") -> CheckResult:
    """Return the result of a check that could not be made, or would take too long."""
    return CheckResult(name, NOT_CHECKED, reason, to_do)


def shown(value: float) -> str:
    """Return a number as text with at most four significant digits."""
    return f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share as text in percent: 0.125 as `12.5 %`."""
    return f"{100 * share:.3g} %"


def some(names: list[str], most: int = 3) -> str:
    """Return the first `most` names as text, with the number of further ones."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
