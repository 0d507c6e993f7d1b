"""python -m project.evaluate: test a trained run on other data.

    python -m project.evaluate RUN data=fashion_pairs
    python -m project.evaluate RUN data=idx_pairs data.root=FOLDER data.test_pairs=500
    python -m project.evaluate best data=mine --config-dir conf

RUN is a run directory, as outputs/runs/<variant>/seed_<k>; `best` is the run with the best
validation metric. The other arguments are data=NAME, keys of the section data, paths.outputs=,
paths.data=, trust_code=true, code=accept and --config-dir FOLDER. Data that are normalised by their
training examples are normalised by those of the run. The result is written to <RUN>/evaluations/;
the run's own record does not change.
"""

import sys
from collections.abc import Sequence

from project.cli import main as cli
from project.cli.diagnose import explained
from project.config.compose import compose, quote
from project.config.errors import ConfigurationError

FLAG = "--config-dir"


def run(words: Sequence[str], config_dirs: Sequence[str]) -> None:
    """Test a trained run on other data, store the result in the run directory and print it.

    Args:
        words: `best` or a run directory, then overrides of the section `data`, with `data=NAME`.
        config_dirs: Folders of the user's configuration files.

    Raises:
        ConfigurationError: A word is unknown, or no data are named.
        Exception: As `read_run_words`, `RunWords.open`, `explained` and `evaluate`.
    """
    from project.runs.lifecycle import metric_text, typed_command
    from project.training.load_run import output_folder
    from project.training.run_words import read_run_words

    words = list(words)
    if words and words[0] != "best" and "=" not in words[0]:
        words[0] = f"run={words[0]}"
    asked = read_run_words(words, own=("data",))
    if not any(word.startswith("data=") for word in asked.others):
        raise ConfigurationError("name the data: data=NAME, a file of conf/data")
    trained = asked.open()
    folder = asked.data or str(output_folder(trained.directory) / "data")
    composed = [*asked.others, f"paths.data={quote(folder)}"]
    composed += [f"{FLAG}={each}" for each in config_dirs]
    with explained(composed, "train", sweeps=False) as arguments:
        section = compose("train", arguments.overrides, arguments.config_dirs)["data"]
    from project.training.evaluation import evaluate

    record = evaluate(trained, section, asked.data, typed_command())
    if record["same_files"] and not record["same_examples"]:
        notice = "its training examples may be among those tested here"
        print(f"the run was trained on these files: {notice}", file=sys.stderr)
    results = [
        f"{name.replace('/', ' ')} {metric_text(name.partition('/')[2], value)}"
        for name, value in sorted(record["metrics"].items())
    ]
    print(f"{trained.name} on data={record['data']['name']}: {', '.join(results)}")
    name = record["metric"]["name"]
    own = metric_text(name, trained.record["metrics"][f"test/{name}"])
    print(f"the run's own test {name}, unchanged: {own}")
    print(record["path"])


def main() -> None:
    """Run `python -m project.evaluate` with the arguments in `sys.argv`."""
    usage = "(best | RUN) data=NAME [data.KEY=VALUE ...]"
    parser = cli.word_parser("evaluate", usage, __doc__)
    parser.add_argument(FLAG, action="append", default=[], metavar="FOLDER")
    arguments = parser.parse_intermixed_args()
    cli.run_plain(lambda: run(arguments.words, arguments.config_dir))


if __name__ == "__main__":
    main()
