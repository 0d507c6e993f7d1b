"""Autograd on for other tests, although the framework's import turns it off for the process."""

import torch

import project.framework  # noqa: F401 - it turns autograd off; first here, to turn it on again

torch.set_grad_enabled(True)
