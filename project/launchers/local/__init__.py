"""The default launcher, `hydra/launcher=local`: jobs run as processes on this machine."""
