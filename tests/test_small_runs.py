"""The shortest proof that everything meets: a run, found again, in this process."""

from pathlib import Path

from tests.small_runs import only_run, record, run_small


def test_a_run_is_trained_once_and_found_afterwards(small_mnist: Path, tmp_path: Path) -> None:
    first = run_small(tmp_path)
    assert (first.exit_code, first.errors.count("epoch 2/2")) == (0, 1)
    done = record(only_run(tmp_path))
    assert (done["status"], done["epochs"], done["steps"]) == ("completed", 2, 4)
    assert done["stopped_early"] is False
    second = run_small(tmp_path)
    assert second.output.startswith(f"{done['name']}: already completed, test error ")
    assert record(only_run(tmp_path)) == done
