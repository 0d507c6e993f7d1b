"""Comparison of the package versions on a cluster's nodes with those on this machine.

Imports only the standard library, because it also runs on nodes where packages are missing.
"""

import platform
from importlib.metadata import PackageNotFoundError, version


def installed(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Return the version of Python (key `python`) and of each package; None for a missing one."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def differences(
    there: dict[str, str | None], here: dict[str, str | None], exact: tuple[str, ...]
) -> list[str]:
    """Describe what is wrong with a node's packages, in one line each; empty if nothing is.

    Args:
        there: The versions on the node, by package; None for a missing one.
        here: The versions on this machine; the node must have the same packages.
        exact: The packages that must also have the same version.
    """
    found = []
    for package, wanted in here.items():
        has = there.get(package)
        if has is None and wanted is not None:
            found.append(f"{package} is missing (here: {wanted})")
        elif has != wanted and package in exact:
            found.append(f"{package} is {has} (here: {wanted})")
    return found
