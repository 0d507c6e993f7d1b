"""The lists of project.runs: variants with their seeds, the facts of a run, differences."""

import json
import statistics
from datetime import datetime
from pathlib import Path

import pytest

from project.results.listing import (
    HEADINGS,
    as_json,
    cells,
    cited_runs,
    differences,
    files_of,
    run_facts,
    size_text,
    variant_lines,
)
from project.results.reading import read_runs
from tests.results.stored_runs import read, write_run, write_variant


def test_a_variant_is_a_line_with_its_seeds_and_its_mean_by_validation(tmp_path: Path) -> None:
    write_variant(tmp_path, {0: 0.2, 1: 0.3}, record={"tags": ["b", "a"], "notes": "first"})
    write_run(tmp_path, seed=2, status="failed", diverged=True)
    write_run(tmp_path, seed=3, status="failed")
    write_run(tmp_path, "basic", seed=4, val_error=0.5)
    basic, ws_al = variant_lines(read(tmp_path))
    assert (ws_al.variant.split("-")[0], ws_al.label) == ("ws_al", "ws_al")
    assert (ws_al.n, ws_al.seeds, ws_al.missing) == (2, [0, 1], [4])
    assert ws_al.other == {"diverged": 1, "failed": 1}
    assert (ws_al.metric, ws_al.mean) == ("val/error", pytest.approx(0.26))
    assert ws_al.std == pytest.approx(statistics.stdev([0.21, 0.31]))
    assert (ws_al.tags, ws_al.notes) == (["a", "b"], ["first"])
    assert (basic.mean, basic.std, basic.missing) == (0.5, None, [0, 1])
    own = [path for path in tmp_path.glob(f"runs/{ws_al.variant}/*/*") if path.is_file()]
    assert ws_al.bytes == sum(path.stat().st_size for path in own)
    assert ws_al.changed == max(path.stat().st_mtime for path in own)


def test_its_cells_are_texts_under_the_headings(tmp_path: Path) -> None:
    write_variant(tmp_path, {0: 0.2, 1: 0.3}, record={"tags": ["b", "a"]})
    write_run(tmp_path, seed=3, status="failed")
    write_run(tmp_path, "basic", seed=4, metrics={"test/error": 0.5})
    basic, ws_al = variant_lines(read(tmp_path))
    named = dict(zip(HEADINGS, cells(ws_al), strict=True))
    assert named == {
        "variant": ws_al.variant,
        "what": "ws_al",
        "n": "2",
        "seeds and status": "without 4; 1 failed",
        "validation": "26.00 % ± 7.07 %",
        "size": size_text(ws_al.bytes),
        "changed": datetime.fromtimestamp(ws_al.changed).strftime("%Y-%m-%d %H:%M"),
        "tags": "a, b",
    }
    assert cells(basic)[3:5] == ["without 0, 1", "-"]


def test_machines_get_numbers_and_what_cannot_be_read(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1).joinpath("run.json").write_text("{")
    runs, problems = read_runs(tmp_path, [])
    found = json.loads(json.dumps(as_json(variant_lines(runs), problems)))
    assert [each["mean"] for each in found["variants"]] == [pytest.approx(0.21)]
    assert [each["run"].split("/")[1] for each in found["damaged"]] == ["seed_1"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_250_000, "1.2 MB"),
        (3_000_000_000, "3.0 GB"), (5 * 10**12, "5.0 TB"), (5 * 10**15, "5000.0 TB"),
    ],
)  # fmt: skip
def test_sizes_are_in_decimal_units(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_facts_of_a_run_are_its_record_without_what_is_empty(tmp_path: Path) -> None:
    write_run(tmp_path, record={"tags": ["mine", "yours"], "weights_sha256": "ab" * 32})
    facts = dict(run_facts(read(tmp_path)[0]))
    assert list(facts)[:5] == ["status", "typed", "test/error", "train/error", "val/error"]
    assert facts["typed"] == "python -m project.train"
    assert (facts["test/error"], facts["parameters"], facts["tags"]) == (
        "0.2", "75908", "mine, yours",
    )  # fmt: skip
    assert facts["weights_sha256"] == "ab" * 32
    assert (facts["git.commit"], facts["machine.cores"]) == ("c0ffee00" * 5, "2")
    assert facts["config.optimizer.lr"] == "1.0"
    assert not {"notes", "error", "code.digest"} & facts.keys()
    write_run(tmp_path / "failed", status="failed")
    assert dict(run_facts(read(tmp_path / "failed")[0]))["error"] == "RuntimeError: out of luck"


def test_the_files_of_a_run_are_listed_with_their_sizes(tmp_path: Path) -> None:
    directory = write_run(tmp_path)
    (directory / "evaluations").mkdir()
    (directory / "evaluations" / "other.json").write_text("{}")
    listed = dict(files_of(read(tmp_path)[0]))
    assert list(listed) == ["evaluations/other.json", "history.csv", "run.json"]
    assert listed["evaluations/other.json"] == "2 B"


def test_two_runs_differ_in_configuration_code_environment_and_data(tmp_path: Path) -> None:
    write_run(tmp_path, "a", paths={"outputs": "here"}, notes="first", optimizer__lr=1.0)
    code = {"definitions": {"lab:Siamese": "6f" * 32}}
    origin = {"code": code, "threads": 2, "data": {"source": "51" * 32}}
    write_run(tmp_path, "b", seed=1, origin=origin, optimizer__lr=0.5, optimizer__eps=0.1)
    a, b = ([each] for each in read(tmp_path))
    found = [(each.kind, each.key, each.a, each.b) for each in differences(a, b)]
    assert [each for each in found if each[0] == "configuration"] == [
        ("configuration", "seed", "0", "1"),
        ("configuration", "model.name", "a", "b"),
        ("configuration", "optimizer.lr", "1.0", "0.5"),
        ("configuration", "optimizer.eps", "-", "0.1"),
    ]
    assert ("code", "lab.Siamese", "5e5e5e5e5e5e", "6f6f6f6f6f6f") in found
    assert ("environment", "threads", "1", "2") in found
    assert ("data", "data.source", "50" * 32, "51" * 32) in found
    assert differences(a, a) == []


def test_a_completed_run_stands_for_its_side(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0, status="failed", origin={"threads": 8})
    write_run(tmp_path, seed=1)
    write_run(tmp_path, "b", seed=1)
    *own, other = sorted(read(tmp_path), key=lambda run: (run.model == "b", run.seed))
    assert [each.key for each in differences(own, [other])] == ["model.name"]


def test_the_last_report_cites_the_runs_of_its_table(tmp_path: Path) -> None:
    assert cited_runs(tmp_path) == set()
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "results.csv").write_text("name,seed\na-1/seed_0,0\n,1\nb-2/seed_3,3\n")
    assert cited_runs(tmp_path) == {"a-1/seed_0", "b-2/seed_3"}
