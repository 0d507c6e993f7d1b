"""The launcher `hydra/launcher=ray`: jobs on a Ray cluster; see project/launchers/README.md."""
