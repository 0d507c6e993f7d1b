"""python -m project.export: a trained net as ONNX and torch.export files, with a model card.

    python -m project.export best                the run of the lowest validation error
    python -m project.export run=DIRECTORY       this run, as outputs/runs/<variant>/seed_<k>

Writes model.onnx, model.pt2, export.json and model-card.md to
<paths.outputs>/export/<variant>/seed_<k>/. Each file is held against the checkpoint on 1,000 of the
run's own pairs, none of them a test pair; where an answer differs, nothing is written. Nor is
anything overwritten.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.cli import main as cli
from project.config.errors import ConflictError

if TYPE_CHECKING:
    from project.tasks.exportable import Exportable
    from project.training.load_run import LoadedRun

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
SCHEMA = 1


class MissingPackageError(Exception):
    """A package that only the export needs is not installed; the message says how to install it."""

    exit_code = 2


class ParityError(Exception):
    """An exported net does not give the same answers as the checkpoint."""

    exit_code = 1


def check_packages() -> None:
    """Raise MissingPackageError, with the install command, if a needed package is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"exporting needs {', '.join(missing)}: "
            "pip install --constraint .ci/constraints.txt --editable '.[export]'"
        )


def export(words: Sequence[str]) -> None:
    """Export a run, and print how far the exported nets differ from the checkpoint.

    Args:
        words: `best` or `run=DIRECTORY`, and optional `paths.outputs=` and `paths.data=`.

    Raises:
        ConfigurationError: A word is unknown, or the run's net cannot be exported.
        NoRunError: No run is named, the directory holds no completed run, or there is no best run.
        CorruptRunError: The run record cannot be read, or does not fit its name.
        MissingPackageError: A package for the export is not installed.
        DataError: The data are not available or have changed.
        CheckpointError: The run's weights cannot be loaded.
        ParityError: An exported net differs from the checkpoint; nothing is written.
        ConflictError: The folder holds another export or leads out of the output folder, or the
            run's code is not trusted or has changed since.
    """
    from project.config.errors import ConfigurationError
    from project.model_card import model_card
    from project.runs.directory import refuse_link_outside
    from project.training.run_words import read_run_words

    asked = read_run_words(words)
    if asked.others:
        raise ConfigurationError(f"unknown argument {asked.others[0]!r}; see --help")
    check_packages()
    trained, why = asked.open()
    if why:
        print(f"run={trained.directory}: {why}", file=sys.stderr)
    folder = asked.outputs / "export" / trained.name
    refuse_link_outside(folder, asked.outputs)
    net = exportable(trained, asked.data)
    files, facts = converted(trained, net)
    card = model_card(trained, net, facts)
    contents = files | {
        "export.json": (json.dumps(facts, indent=2) + "\n").encode(),
        "model-card.md": card.encode(),
    }
    new = write_folder(folder, contents)
    for name, each in facts["files"].items():
        largest = max(each["differences"].values())
        print(
            f"{name}: largest difference {largest:.1e}; {each['differing_answers']} of "
            f"{each['examples']} answers differ"
        )
    print(folder if new else f"{folder}: already holds the same files; nothing was written")


def exportable(trained: "LoadedRun", data_folder: str | None) -> "Exportable":
    """Return what to export of a run: what its task's `exportable(data)` gives, else its net.

    Args:
        trained: The run.
        data_folder: The folder of the data files; None for the default.

    Raises:
        ConfigurationError: The task has no such method, and the net cannot be exported as it is; or
            as `LoadedRun.data`.
        CheckpointError: The run's weights cannot be loaded.
        DataError: The data are not available or have changed.
    """
    from project.tasks.exportable import net_exportable

    task, data = trained.task(), trained.data(data_folder)
    own = getattr(task, "exportable", None)
    if callable(own):
        return own(data)
    return net_exportable(trained.net(), data, trained.record["metric"]["name"])


def converted(trained: "LoadedRun", net: "Exportable") -> tuple[dict[str, bytes], dict[str, Any]]:
    """Convert a net to ONNX and torch.export, and compare both with the checkpoint's answers.

    Args:
        trained: The run.
        net: Its net, with examples and the checkpoint's answers to them.

    Returns:
        The content of the model files by file name, and the content of export.json.

    Raises:
        ParityError: A converted net gives other answers than the checkpoint.
    """
    from project.training.onnx_export import (
        exported,
        in_batches,
        parity,
        run_onnx,
        run_pt2,
        to_onnx,
        to_pt2,
    )

    batches, program = in_batches(net.inputs), exported(net)
    files = {"model.onnx": to_onnx(program, net), "model.pt2": to_pt2(program)}
    described = {}
    for (name, content), run in zip(files.items(), (run_onnx, run_pt2), strict=True):
        result = parity(net.outputs, net.expected, run(content, batches))
        described[name] = {"sha256": sha256(content)} | asdict(result)
        if not result.passed:
            raise ParityError(
                f"{name} does not give the answers of the checkpoint's net: {described[name]}; "
                "nothing was written"
            )
    facts = {
        "schema": SCHEMA,
        "run": trained.name,
        "checkpoint_sha256": sha256(trained.checkpoint.read_bytes()),
        "input": f"{net.input_name}: {net.input_text}",
        "outputs": [output.name for output in net.outputs],
        **net.facts,
        "files": described,
        "versions": versions(),
    }
    return files, facts


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of torch and of the packages for the export, by package name."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", *PACKAGES)}


def write_folder(folder: Path, contents: dict[str, bytes]) -> bool:
    """Write files into a new folder, either all of them or none.

    Args:
        folder: The folder.
        contents: The content of each file by its name.

    Returns:
        True if they were written; False if the folder already holds the same files.

    Raises:
        ConflictError: The folder exists and holds other files.
    """
    from project.runs.atomic import replacing, sync_directory

    if folder.exists():
        _refuse_others(folder, contents)
        return False
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        for name, content in contents.items():
            with replacing(aside / name) as file:
                file.write(content)
        try:
            aside.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            # Another process was faster.
            _refuse_others(folder, contents)
            return False
        sync_directory(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return True


def _refuse_others(folder: Path, contents: dict[str, bytes]) -> None:
    there = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    differing = sorted(
        name for name in there.keys() | contents.keys() if there.get(name) != contents.get(name)
    )
    if differing:
        raise ConflictError(
            f"{folder} holds another export ({', '.join(differing)} would change); move it away, "
            "or choose another paths.outputs"
        )


def main() -> None:
    """Run `python -m project.export` with the arguments in `sys.argv`."""
    parser = argparse.ArgumentParser(
        prog="project.export",
        usage="python -m project.export (best | run=DIRECTORY) [paths.outputs=FOLDER]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help="best or run=DIRECTORY")
    arguments = parser.parse_args()
    cli.run_plain(lambda: export(arguments.words))


if __name__ == "__main__":
    main()
