"""Claims: runs that differ when repeated, that ignore their seed, or that resume otherwise."""

from project.checks.repetition import Repetitions, check_repetition, plan
from project.checks.result import CheckResult, not_checked, ok
from project.checks.scratch_runs import begun
from tests.checks.checking import broken, by_name, session_of


def repeated(*words: str) -> dict[str, CheckResult]:
    """Carry out the runs of an experiment that are compared, all in forks of this process."""
    with session_of(*words) as session:
        runs = plan(session)
        assert isinstance(runs, Repetitions)
        with begun(runs.elsewhere, is_new=False) as elsewhere:
            return by_name(check_repetition(runs, elsewhere))


def statuses(results: dict[str, CheckResult]) -> list[str]:
    """Return the statuses of the three checks, in their order."""
    return [each.status for each in results.values()]


def test_a_sound_experiment_repeats_differs_by_seed_and_resumes() -> None:
    assert list(repeated().values()) == [
        ok("same seed, same bits", "twice the same after 2 epochs, in two interpreters"),
        ok("another seed", "other bits after 2 epochs"),
        ok("killed and resumed", "as undisturbed, after 2 epochs"),
    ]


def test_hidden_randomness_is_found_and_the_tensor_named() -> None:
    results = repeated(*broken(model="ClockNet"))
    assert statuses(results) == ["failed", "ok", "failed"]
    seen = results["same seed, same bits"].seen
    assert seen.startswith("after 2 epochs last.ckpt: state_dict.net.hidden.weight was ")
    assert seen.endswith(" tensors differ")


def test_a_seed_that_is_ignored_is_found() -> None:
    results = repeated(*broken(model="FixedNet", data="Constant"))
    assert statuses(results) == ["ok", "failed", "ok"]
    assert results["another seed"].seen == ("the seed is ignored: the same bits after 2 epochs")


def test_what_no_checkpoint_holds_is_found_by_killing_and_resuming() -> None:
    results = repeated(*broken(task="Forgetful"))
    assert statuses(results) == ["ok", "ok", "failed"]
    assert results["killed and resumed"].seen.startswith(
        "killed after an epoch it ends otherwise: last.ckpt: state_dict.net.hidden.weight was "
    )


def test_a_run_that_fails_at_its_end_says_why() -> None:
    results = repeated(*broken(task="NoTestMetric"))
    assert statuses(results) == ["failed", "failed", "failed"]
    assert "there is no test/accuracy; task=blobs logs" in results["same seed, same bits"].seen


def test_sources_of_chance_that_are_all_held_leave_no_other_seed() -> None:
    held = [f"seeds.{name}=7" for name in ("data", "init", "order")]
    results = repeated(*held)
    assert results["another seed"] == not_checked(
        "another seed", "all sources of chance are held (seeds.*)"
    )


def test_long_epochs_are_cut_and_longer_ones_left_out() -> None:
    with session_of() as session:
        session.first.step_seconds = [1.9]
        runs = plan(session)
        assert isinstance(runs, Repetitions)
        assert runs.extent == "2 epochs of 3 steps"
        assert runs.here.spec.config["trainer"]["limit_train_batches"] == 3
        session.first.step_seconds = [60.0]
        results = plan(session)
        assert isinstance(results, list)
    assert [each.status for each in results] == ["not checked"] * 3
    assert results[0].seen.startswith("two epochs of 3 steps would take about 36")
