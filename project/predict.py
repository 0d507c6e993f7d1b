"""python -m project.predict: compare the digits in two images with a trained net.

    python -m project.predict best a.png b.png              the run with the best validation metric
    python -m project.predict run=DIRECTORY a.png b.png     outputs/runs/<variant>/seed_<k>
    python -m project.predict best FOLDER                   its images two by two, by name
    python -m project.predict best pairs.csv --json         a pair in each line: first,second

Images may have any size and mode, dark on light or light on dark, with one digit in each. An image
that may hold several is refused; --single reads it as one. `best` looks under paths.outputs
(default: outputs). The probabilities are calibrated on the run's validation pairs, so the MNIST
files must be available (paths.data); they hold for digits like MNIST's.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.cli import main as cli

if TYPE_CHECKING:
    from project.tasks.calibrated_pairs import Calibration
    from project.training.load_run import LoadedRun


def predict(words: Sequence[str], as_json: bool, single: bool = False) -> None:
    """Compare the digits of image pairs, which are all read first, and print the answers.

    Args:
        words: `best` or `run=DIRECTORY`, then images, a folder of images or a CSV file of pairs.
        as_json: Whether to print JSON instead of a line for each pair.
        single: Whether to read as one digit what may be two.

    Raises:
        Exception: As `read_run_words`, `file_pairs`, `read_digits`, `RunWords.open` and `answer`.
    """
    from project.data.image_files import file_pairs, read_digits
    from project.training.run_words import read_run_words

    asked = read_run_words(words)
    pairs = file_pairs([Path(word) for word in asked.others])
    digits = read_digits(pairs, single)
    trained = asked.open()
    calibration, answers = answer(trained, asked.data, digits)
    facts = [
        {"first": str(first), "second": str(second), **each}
        for (first, second), each in zip(pairs, answers, strict=True)
    ]
    if as_json:
        content = {
            "run": str(trained.directory),
            "validation_error": trained.record["metrics"].get("val/error"),
            "calibration": {
                "pairs": calibration.pairs,
                "comparison_temperature": calibration.comparison,
                "digit_temperature": calibration.digits,
            },
            "pairs": facts,
        }
        print(json.dumps(content, indent=2))
        return
    if calibration.pairs == 0:
        why = "the run has no validation pairs, so the probabilities are not calibrated"
        print(why, file=sys.stderr)
    for each in facts:
        print(sentence(each))


def answer(
    trained: "LoadedRun", data_folder: str | None, digits: Any
) -> tuple["Calibration", list[dict[str, Any]]]:
    """Return the calibrated answers of a run's net to pairs of digits.

    The calibration is computed each time and not stored, so it always fits the weights. Without
    validation pairs nothing is calibrated (`Calibration.pairs` is 0).

    Args:
        trained: The run.
        data_folder: The folder of the MNIST files; None for the default.
        digits: A NumPy array uint8 (N, 2, 28, 28) of N pairs, ink as 255.

    Returns:
        The calibration, and for each pair a dict with `answer` (`<=` or `>`) and `probability`; if
        the net also classifies digits, with `digits`, `digit_probabilities` and `digits_agree`.

    Raises:
        ConfigurationError, DataError, CheckpointError: As `open_pairs` and `LoadedRun.net`.
    """
    import torch

    from project.data.pairs import scaled
    from project.tasks.calibrated_pairs import CalibratedNet, calibrate
    from project.training.load_run import open_pairs

    data, net = open_pairs(trained, data_folder), trained.net()
    calibration = calibrate(net, data)
    size = data.image_size
    pixels = scaled(torch.from_numpy(digits).flatten(0, 1), size).view(-1, 2, size, size)
    calibrated = CalibratedNet(net, data, calibration).eval()
    with torch.inference_mode():
        parts = [calibrated(chunk) for chunk in pixels.split(1000)]
    comparison, ordered, *read = [torch.cat(part) for part in zip(*parts, strict=True)]
    answers = []
    for number, (says, probability) in enumerate(
        zip(comparison.argmax(1).tolist(), ordered.tolist(), strict=True)
    ):
        each: dict[str, Any] = {
            "answer": "<=" if says else ">",
            "probability": probability if says else 1 - probability,
        }
        if read:
            sure, classes = read[0][number].max(1)
            each["digits"] = classes.tolist()
            each["digit_probabilities"] = sure.tolist()
            each["digits_agree"] = (each["digits"][0] <= each["digits"][1]) == bool(says)
        answers.append(each)
    return calibration, answers


def sentence(facts: dict[str, Any]) -> str:
    """Return a line about a pair: `a.png <= b.png (97.3 %): 3 (99.1 %) and 7 (98.0 %)`.

    `facts` are the paths `first` and `second`, and the answer as `answer` returns it.
    """
    text = (
        f"{facts['first']} {facts['answer']} {facts['second']} ({_percent(facts['probability'])})"
    )
    if "digits" not in facts:
        return text
    read = zip(facts["digits"], facts["digit_probabilities"], strict=True)
    text += ": " + " and ".join(f"{digit} ({_percent(sure)})" for digit, sure in read)
    if not facts["digits_agree"]:
        text += ", which contradicts the answer"
    elif len(set(facts["digits"])) == 1:
        text += ", so they are equal"
    return text


def _percent(probability: float) -> str:
    """Return a probability as text in percent, at most `99.9 %`: no net is certain."""
    return f"{100 * min(probability, 0.999):.1f} %"


def main() -> None:
    """Run `python -m project.predict` with the arguments in `sys.argv`."""
    usage = "(best | run=DIRECTORY) IMAGES [--single] [--json]"
    parser = cli.word_parser("predict", usage, __doc__)
    parser.add_argument("--single", action="store_true", help="each image holds one digit: insist")
    parser.add_argument("--json", action="store_true", help="for machines, unrounded")
    arguments = parser.parse_intermixed_args()
    cli.run_plain(lambda: predict(arguments.words, arguments.json, arguments.single))


if __name__ == "__main__":
    main()
