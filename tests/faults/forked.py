"""Single runs typed in processes that have imported torch already: seconds saved for each."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path


def _train(words: list[str], output: Path) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    sys.argv = ["train.py", *words]
    from project.train import main

    main()


def begin(words: list[str], output: Path) -> ForkServerProcess:
    """`python -m project.train <words>`, begun; what it prints is added to `output`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["project.building", "project.training.fit"])
    process = context.Process(target=_train, args=(words, output))
    process.start()
    return process
