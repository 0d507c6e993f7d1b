"""python -m project.export: export a trained net to ONNX and torch.export, with a model card.

    python -m project.export best                the run with the best validation metric
    python -m project.export run=DIRECTORY       this run, as outputs/runs/<variant>/seed_<k>

Writes model.onnx, model.pt2, export.json and model-card.md to
<paths.outputs>/export/<variant>/seed_<k>/. The outputs of both files are compared with those of the
checkpoint on up to 1,000 training and validation examples of the run; if an answer differs, nothing
is written. Existing files are not overwritten.
"""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.cli import main as cli
from project.config.errors import ConflictError
from project.config.packages import require

if TYPE_CHECKING:
    from project.tasks.exportable import Exportable
    from project.training.load_run import LoadedRun

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
SCHEMA = 1


class ParityError(Exception):
    """An exported net does not give the same answers as the checkpoint."""

    exit_code = 1


def export(words: Sequence[str]) -> None:
    """Export a run, and print how far the exported nets differ from the checkpoint.

    Args:
        words: `best` or `run=DIRECTORY`, and optional `paths.outputs=` and `paths.data=`.

    Raises:
        ConfigurationError: A word is unknown, the run's net cannot be exported, or a package for it
            is not installed.
        ParityError: An exported net differs from the checkpoint; nothing is written.
        ConflictError: The folder holds another export or leads out of the output folder.
        Exception: As `read_run_words`, `RunWords.open`, `LoadedRun.task` and `LoadedRun.data`.
    """
    from project.model_card import model_card
    from project.runs.directory import refuse_link_outside
    from project.tasks.exportable import net_exportable
    from project.training.run_words import read_run_words

    asked = read_run_words(words, own=())
    require("exporting", PACKAGES, "export")
    trained = asked.open()
    folder = asked.outputs / "export" / trained.name
    refuse_link_outside(folder, asked.outputs)
    task, data = trained.task(), trained.data(asked.data)
    if callable(exportable := getattr(task, "exportable", None)):
        net = exportable(data)
    else:
        net = net_exportable(trained.net(), data, trained.record["metric"]["name"])
    files, facts = converted(trained, net)
    contents = files | {
        "export.json": (json.dumps(facts, indent=2) + "\n").encode(),
        "model-card.md": model_card(trained, net, facts).encode(),
    }
    new = write_folder(folder, contents)
    for name, each in facts["files"].items():
        largest = max(each["differences"].values())
        print(
            f"{name}: largest difference {largest:.1e}; {each['differing_answers']} of "
            f"{each['examples']} answers differ"
        )
    print(folder if new else f"{folder}: already holds the same files; nothing was written")


def converted(trained: "LoadedRun", net: "Exportable") -> tuple[dict[str, bytes], dict[str, Any]]:
    """Convert a run's net to ONNX and torch.export, and compare both with the checkpoint's answers.

    Returns:
        The content of the model files by file name, and the content of export.json.

    Raises:
        ParityError: A converted net gives other answers than the checkpoint.
    """
    from project.training import onnx_export

    batches, program = onnx_export.in_batches(net.inputs), onnx_export.exported(net)
    files = {
        "model.onnx": onnx_export.to_onnx(program, net),
        "model.pt2": onnx_export.to_pt2(program),
    }
    described = {}
    runs = (onnx_export.run_onnx, onnx_export.run_pt2)
    for (name, content), run in zip(files.items(), runs, strict=True):
        result = onnx_export.parity(net.outputs, net.expected, run(content, batches))
        described[name] = {"sha256": hashlib.sha256(content).hexdigest()} | asdict(result)
        if not result.passed:
            raise ParityError(
                f"{name} does not give the answers of the checkpoint's net: {described[name]}; "
                "nothing was written"
            )
    facts = {
        "schema": SCHEMA,
        "run": trained.name,
        "checkpoint_sha256": hashlib.sha256(trained.checkpoint.read_bytes()).hexdigest(),
        "input": f"{net.input_name}: {net.input_text}",
        "outputs": [output.name for output in net.outputs],
        **net.facts,
        "files": described,
        "versions": {name: version(name) for name in ("torch", *PACKAGES)},
    }
    return files, facts


def write_folder(folder: Path, contents: dict[str, bytes]) -> bool:
    """Write files, given by name, into a new folder, either all of them or none.

    Returns:
        True if they were written; False if the folder already holds the same files.

    Raises:
        ConflictError: The folder exists and holds other files.
    """
    from project.runs.atomic import sync_directory, write_bytes

    if folder.exists():
        there = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        names = sorted(there.keys() | contents.keys())
        if differing := [name for name in names if there.get(name) != contents.get(name)]:
            raise ConflictError(
                f"{folder} holds another export ({', '.join(differing)} would change); move it "
                "away, or choose another paths.outputs"
            )
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as aside:
        new = Path(aside, folder.name)
        new.mkdir()
        for name, content in contents.items():
            write_bytes(new / name, content)
        new.rename(folder)
    sync_directory(folder.parent)
    return True


def main() -> None:
    """Run `python -m project.export` with the arguments in `sys.argv`."""
    usage = "(best | run=DIRECTORY) [paths.outputs=FOLDER]"
    arguments = cli.word_parser("export", usage, __doc__).parse_args()
    cli.run_plain(lambda: export(arguments.words))


if __name__ == "__main__":
    main()
