"""`hydra/launcher=ray`: jobs as tasks of a Ray cluster; see the page beside this folder."""
