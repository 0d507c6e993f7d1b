"""`hydra/launcher=ray`: jobs as actors of a Ray cluster; see the page beside this folder."""
