"""What a node of a cluster has installed: asked for before any job is sent.

Imports nothing but the standard library: it has to run where packages are missing.
"""

import platform
from importlib.metadata import PackageNotFoundError, version


def installed(packages: tuple[str, ...]) -> dict[str, str | None]:
    """The version of Python and of each package; None for one that is missing."""
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
    """What is wrong with a node; `exact` names the packages that must have the same version."""
    found = []
    for package, wanted in here.items():
        has = there.get(package)
        if has is None and wanted is not None:
            found.append(f"{package} is missing (here: {wanted})")
        elif has != wanted and package in exact:
            found.append(f"{package} is {has} (here: {wanted})")
    return found
