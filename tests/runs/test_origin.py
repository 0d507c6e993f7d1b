"""Runs of other code or other data are never extended, resumed or averaged in silence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from project.config.errors import ConflictError
from project.config.source import PROJECT
from project.runs.lifecycle import load_or_run
from project.runs.origin import check_stored, check_variant, platform_notice
from project.runs.provenance import git_state
from project.runs.spec import RunSpec
from tests.runs.specs import CODE, DATA, execute, make_spec, never, other_code
from tests.small_runs import only_run, record, run_directories, run_small, type_command

OLD = CODE | {"digest": "01d0" * 16}


def leave(outputs: Path, seed: int, code: dict[str, Any] = OLD, **fields: Any) -> RunSpec:
    """Leave a completed run; returns it as it would be prepared now, with the code of now."""
    spec = make_spec(outputs, ("seed", seed), code=code, **fields)
    load_or_run(spec, execute)
    return replace(spec, code=other_code(**{"project.models.basic:Basic": "changed"}))


def refusal_of(check: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(ConflictError) as error:
        check(*arguments)
    assert error.value.exit_code == 4
    return str(error.value)


def test_a_completed_run_of_other_code_is_not_taken_for_this_one(tmp_path: Path) -> None:
    spec = leave(tmp_path, 0)
    lines = refusal_of(load_or_run, spec, never).splitlines()
    assert lines[0] == f"{spec.directory.path} was made with code that has changed since:"
    assert lines[1] == f"  project.models.basic.Basic in {PROJECT / 'models' / 'basic.py'}"
    assert lines[-1].startswith(
        "-m seed=0 rerun=true makes the run again; code=accept keeps the run"
    )


def test_the_command_that_shows_the_change_is_named(tmp_path: Path) -> None:
    """Where git knows of the file."""
    message = refusal_of(check_stored, leave(tmp_path, 0))
    commit = git_state()["commit"]
    path = PROJECT / "models" / "basic.py"
    assert f"\nwhat changed since: git diff {commit[:10]} -- {path}\n" in message


def test_an_interrupted_run_is_not_resumed_by_other_code(tmp_path: Path) -> None:
    spec = leave(tmp_path, 0)
    path = spec.directory.path / "run.json"
    path.write_text(json.dumps(record(spec.directory.path) | {"status": "interrupted"}))
    assert "was made with code that has changed since" in refusal_of(load_or_run, spec, never)


def test_a_variant_is_not_extended_by_a_seed_of_other_code(tmp_path: Path) -> None:
    for seed in (0, 1):
        leave(tmp_path, seed)
    new = make_spec(tmp_path, ("seed", 2), code=other_code())
    message = refusal_of(check_variant, new)
    assert message.startswith(
        f"{new.directory.path.parent} (seed 0,1) were made with code that has changed since"
    )
    assert "-m seed=0,1 rerun=true makes them again; code=accept keeps them" in message


def test_one_rerun_does_not_mix_a_variant_and_reruns_of_all_do_not(tmp_path: Path) -> None:
    specs = [replace(leave(tmp_path, seed), rerun=True) for seed in (0, 1)]
    assert "seed_1 was made with code that has changed since" in refusal_of(check_variant, specs[0])
    everything = [spec.directory.path for spec in specs]
    check_variant(specs[0], everything)
    for spec in specs:
        load_or_run(spec, execute)
    check_variant(make_spec(tmp_path, ("seed", 2), code=specs[0].code))


def test_accepted_code_is_recorded(tmp_path: Path) -> None:
    spec = replace(leave(tmp_path, 0), accepts_code=True)
    check_variant(spec)
    first = load_or_run(spec, never)
    assert first["provenance"]["code"] == OLD
    new = replace(make_spec(tmp_path, ("seed", 1), code=spec.code), accepts_code=True)
    check_variant(new)
    made = load_or_run(new, execute)
    assert made["provenance"]["code_accepted"] is True
    assert made["provenance"]["code"] == spec.code
    # The stored configuration does not accept anything by itself.
    assert made["config"]["code"] is None


def test_other_data_files_are_not_mixed(tmp_path: Path) -> None:
    spec = leave(tmp_path, 0, code=CODE)
    spec = replace(spec, code=CODE, data=DATA | {"source": "b0" * 32})
    for message in (
        refusal_of(load_or_run, spec, never),
        refusal_of(check_variant, replace(make_spec(tmp_path, ("seed", 1)), data=spec.data)),
    ):
        assert message == (
            f"{spec.directory.path} was made with other data files (SHA-256 5a5a5a5a5a5a5a5a..., "
            "now b0b0b0b0b0b0b0b0...); restore them, give the new ones a name (data.name=NAME), or "
            "pass rerun=true"
        )
    # Where nobody knows of the files, nothing is said of them.
    load_or_run(replace(spec, data={"name": "epfl_pairs"}), never)


def test_other_data_are_no_code_that_could_be_accepted(tmp_path: Path) -> None:
    spec = replace(leave(tmp_path, 0), accepts_code=True, data=DATA | {"source": "b0" * 32})
    assert "other data files" in refusal_of(load_or_run, spec, never)


def test_a_record_that_cannot_be_read_is_left_to_its_own_run(tmp_path: Path) -> None:
    spec = leave(tmp_path, 0, code=CODE)
    (spec.directory.path / "run.json").write_text("damaged")
    check_variant(make_spec(tmp_path, ("seed", 1)))


def test_many_changes_are_counted(tmp_path: Path) -> None:
    old = OLD | {"definitions": {f"project.models.basic:x{n:02}": "1" for n in range(13)}}
    spec = replace(leave(tmp_path, 0, code=old), code=other_code())
    lines = refusal_of(check_stored, spec).splitlines()
    assert lines[10].startswith("  project.models.basic.x09 in ")
    assert lines[11] == "  and 3 more"


def test_a_definition_whose_module_is_gone_is_named_all_the_same(tmp_path: Path) -> None:
    old = OLD | {"definitions": {"gone.net:Net": "1", "gone.net:": "2"}}
    message = refusal_of(check_stored, replace(leave(tmp_path, 0, code=old), code=other_code()))
    assert "\n  gone.net in ?\n  gone.net.Net in ?\n-m seed=0" in message


def test_platform_notices_count(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    records = [{"provenance": {"code": {"platform": digest}}} for digest in ("a", "b")]
    same = {"provenance": {"code": CODE}}
    assert platform_notice(spec, [same]) is None
    assert platform_notice(spec, [*records, same]) == (
        "2 runs were trained by another version of the platform's own code; kept and counted"
    )


def test_an_edited_net_is_noticed_between_two_calls(
    tmp_path: Path,
    small_mnist: Path,
    own_modules: Callable[[str, str], Path],
) -> None:
    """Typed for real: in a file that git does not know, outside of the repository."""
    net = """
        from project.models import Basic
        class Net(Basic):
            def forward(self, pairs):
                return super().forward(pairs * {factor})
    """
    outputs = tmp_path / "outputs"
    path = own_modules("mine", net.format(factor=1))
    words = ("model.name=mine", "model._target_=mine.Net", "model.channels=[4,6]", "model.hidden=8")
    first = run_small(outputs, *words)
    assert first.exit_code == 0, first.errors
    run = only_run(outputs)
    made_by = record(run)["provenance"]["code"]
    assert "mine:Net" in made_by["definitions"]

    own_modules("mine", "\n        # a comment\n" + net.format(factor="1"))
    assert "already completed" in run_small(outputs, *words).output

    own_modules("mine", net.format(factor=2))
    for seed in ("seed=0", "seed=1", "-m seed=0,1", "-m seed=1,2"):
        end = run_small(outputs, *words, *seed.split())
        assert end.exit_code == 4
        assert f"  mine.Net in {path}\n" in end.errors
    assert record(run)["provenance"]["code"] == made_by
    for module, word in (
        ("project.predict", f"run={run}"),
        ("project.export", f"run={run}"),
        ("project.projector", f"run={run}"),
    ):
        end = type_command(module, word, *(["x.png", "y.png"] if "predict" in module else []))
        assert end.exit_code in (2, 4)
    assert "trained with code that has changed since (mine.Net)" in end.errors

    accepted = run_small(outputs, *words, "seed=1", "code=accept")
    assert accepted.exit_code == 0, accepted.errors
    records = [record(each)["provenance"] for each in run_directories(outputs)]
    assert [each.get("code_accepted") for each in records] == [None, True]

    again = run_small(outputs, *words, "seed=0", "rerun=true")
    assert again.exit_code == 0, again.errors
    digests = {record(each)["provenance"]["code"]["digest"] for each in run_directories(outputs)}
    assert len(digests) == 1
    assert digests != {made_by["digest"]}
