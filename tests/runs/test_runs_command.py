"""python -m project.runs: what is there, what differs, what may go."""

import json
import shutil
from pathlib import Path

import pytest

from project.runs.lock import locked
from tests.small_runs import CommandEnd, record, run_small, type_command


@pytest.fixture(scope="module")
def three_runs(finished_outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with the small run at the seeds 0 and 1, and one at another rate."""
    from tests.conftest import serve, small_digits

    outputs = tmp_path_factory.mktemp("three") / "outputs"
    shutil.copytree(finished_outputs, outputs)
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        for words in (["seed=1"], ["optimizer.lr=0.5"]):
            assert run_small(outputs, *words).exit_code == 0
    return outputs


@pytest.fixture
def outputs(three_runs: Path, tmp_path: Path) -> Path:
    shutil.copytree(three_runs, tmp_path / "outputs")
    return tmp_path / "outputs"


def runs(outputs: Path, *words: str) -> CommandEnd:
    return type_command("project.runs.__main__", *words, f"paths.outputs={outputs}")


def names(outputs: Path) -> list[str]:
    return sorted(f"{path.parent.name}/{path.name}" for path in outputs.glob("runs/*/seed_*"))


def variants(outputs: Path, *words: str) -> dict[str, dict]:
    listed = json.loads(runs(outputs, "list", "--json", *words).output)["variants"]
    return {each["label"]: each for each in listed}


def test_list_names_variants_by_what_differs_with_their_seeds(outputs: Path) -> None:
    listed = variants(outputs)
    assert {
        label: (each["n"], each["seeds"], each["missing"]) for label, each in listed.items()
    } == {
        "basic optimizer.lr=1": (2, [0, 1], []),
        "basic optimizer.lr=0.5": (1, [0], [1]),
    }
    shown = runs(outputs, "list").output
    assert "without 1" in shown
    assert shown.splitlines()[-1] == f"2 variants, 3 completed runs in {outputs}"


def test_the_mean_is_of_the_validation_metric(outputs: Path) -> None:
    (line,) = (each for each in variants(outputs).values() if each["n"] == 2)
    values = [
        record(path)["metrics"]["val/error"]
        for path in outputs.glob(f"runs/{line['variant']}/seed_*")
    ]
    assert (line["metric"], line["mean"]) == ("val/error", pytest.approx(sum(values) / 2))


def test_where_and_globs_choose(outputs: Path) -> None:
    assert list(variants(outputs, "where=optimizer.lr<0.9")) == ["basic"]
    assert variants(outputs, "*/seed_1")["basic"]["seeds"] == [1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lst"], "unknown subcommand 'lst'; did you mean 'list'?"),
        (
            ["list", "where=optimizr.lr>1"],
            "no run has a column 'optimizr.lr'; did you mean 'optimizer.lr'?",
        ),
        (["list", "wher=x"], "unknown key 'wher'; did you mean 'where'?"),
        (["list", "--jsn"], "unknown flag --jsn; did you mean '--json'?"),
        (["show", "nothing"], "nothing: there is no such run"),
        (["diff", "basic*"], "diff takes two runs or variants"),
        (["tag", "basic*", "add=\n"], "must be 1 to 100 printable characters"),
        (["prune"], "say what to move to the trash"),
    ],
)
def test_bad_input_is_refused_in_one_line(outputs: Path, words: list[str], message: str) -> None:
    end = runs(outputs, *words)
    assert end.exit_code == 2
    assert message in end.errors
    assert end.errors.count("\n") == 1


def test_a_damaged_run_is_one_marked_line(outputs: Path) -> None:
    damaged = sorted(outputs.glob("runs/*/seed_0"))[0] / "run.json"
    damaged.write_text("{")
    end = runs(outputs, "list")
    assert end.exit_code == 0
    assert end.errors.startswith(f"damaged: {damaged.parent}: ")
    assert end.output.splitlines()[-1].endswith(f"2 completed runs in {outputs}")


def test_show_has_the_command_as_typed_and_the_files(outputs: Path) -> None:
    shown = runs(
        outputs, "show", next(name for name in names(outputs) if name.endswith("_1"))
    ).output
    assert "typed: python -m project.train model=basic" in shown
    assert "  last.ckpt  " in shown


def test_diff_says_in_what_two_variants_differ(outputs: Path) -> None:
    a, b = sorted({path.parent.name for path in outputs.glob("runs/*/seed_0")})
    said = runs(outputs, "diff", "--json", a, b).output
    assert runs(outputs, "compare", "--json", a, b).output == said
    found = json.loads(said)
    assert [(each["kind"], each["key"], {each["a"], each["b"]}) for each in found] == [
        ("configuration", "optimizer.lr", {"1.0", "0.5"})
    ]


def test_tags_and_notes_change_after_the_run_and_rename_nothing(outputs: Path) -> None:
    before, run = names(outputs), names(outputs)[0]
    runs(outputs, "tag", run, "add=gut, besser", "add=ü", "add=ü")
    runs(outputs, "note", run, "text=tried first")
    done = record(outputs / "runs" / run)
    assert (done["tags"], done["notes"]) == (["gut, besser", "ü"], "tried first")
    assert "gut, besser, ü" in runs(outputs, "list").output
    runs(outputs, "tag", run, "remove=ü")
    assert (record(outputs / "runs" / run)["tags"], names(outputs)) == (["gut, besser"], before)


def test_prune_says_first_and_moves_to_the_trash_when_told(outputs: Path) -> None:
    before = names(outputs)
    dry = runs(outputs, "prune", "where=optimizer.lr<0.9").output
    assert "would be moved" in dry
    assert names(outputs) == before
    assert "moved" in runs(outputs, "prune", "where=optimizer.lr<0.9", "--yes").output
    assert len(names(outputs)) == 2
    (moved,) = outputs.glob("trash/*/seed_0.1")
    assert record(moved)["config"]["optimizer"]["lr"] == 0.5


def test_prune_of_checkpoints_leaves_the_results(outputs: Path) -> None:
    assert runs(outputs, "prune", "basic*", "--checkpoints", "--yes").exit_code == 0
    assert len(names(outputs)) == 3
    assert not list(outputs.glob("runs/*/*/*.ckpt"))
    assert variants(outputs)["basic optimizer.lr=1"]["n"] == 2


def test_prune_spares_what_is_at_work_and_what_the_report_cites(outputs: Path) -> None:
    cited, locked_run, _ = names(outputs)
    (outputs / "report").mkdir()
    (outputs / "report" / "results.csv").write_text(f"name\n{cited}\n")
    with locked(outputs / "runs" / locked_run):
        end = runs(outputs, "prune", "basic*", "--yes")
    assert f"{cited}: kept, because the last report cites it" in end.output
    assert f"{locked_run}: kept: " in end.output
    assert names(outputs) == [cited, locked_run]


def test_prune_knows_runs_of_old_code_and_failed_ones(outputs: Path) -> None:
    old = sorted(outputs.glob("runs/*/seed_0"))[0]
    content = record(old)
    content["provenance"]["code"]["digest"] = "other"
    (old / "run.json").write_text(json.dumps(content))
    assert runs(outputs, "prune", "--failed").output.startswith("0 B would go")
    assert runs(outputs, "prune", "--old-code").output.count("would be moved") == 1
