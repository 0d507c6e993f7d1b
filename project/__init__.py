"""Deep-learning mini projects: comparing two digits, and a mini deep-learning framework."""

from project import lean_imports

lean_imports.install()
