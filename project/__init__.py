"""Deep-learning mini projects: comparing two digits, and a mini deep-learning framework."""

from project.lean_imports import install as _install_lean_imports

_install_lean_imports()
