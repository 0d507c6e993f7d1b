"""What is wrong with a command line is said from its words: cause, key, what to type."""

from pathlib import Path

import pytest

from project.config.compose import options
from tests.small_runs import type_command

MODELS = ", ".join(sorted(options("model")))
AUGMENTATIONS = ", ".join(sorted(options("augmentation")))

# What is typed, and what stderr begins with after `error: `.
REFUSED = {
    # Choices.
    "model=resnett": f"unknown model 'resnett'; did you mean 'resnet'?\navailable: {MODELS}",
    "model=3": f"unknown model '3'\navailable: {MODELS}",
    "-m model=basic,3": f"unknown model '3'\navailable: {MODELS}",
    "-m model=basic,resnett": "unknown model 'resnett'; did you mean 'resnet'?",
    "seeds=3": "unknown seeds '3'\navailable: data_only, ",
    "trainer=true": "unknown trainer 'true'\navailable: ",
    "augmentation=null": (
        "unknown augmentation 'null'; did you mean 'augmentation=none'?\navailable: "
        + AUGMENTATIONS
    ),
    "-m augmentation=null,shift": "unknown augmentation 'null'; did you mean 'augmentation=none'?",
    "callbacks=[ema,emma]": "unknown callbacks 'emma'; did you mean 'ema'?",
    "-m hydra/launcher=3": "unknown hydra/launcher '3'\navailable: local, ",
    "+study=3": "unknown study '3'\navailable: auxiliary_position, ",
    "study=epfl_tabel": "unknown study 'epfl_tabel'; did you mean 'epfl_table'?",
    # Keys.
    "sed=1": "unknown key 'sed'; did you mean 'seed'?",
    "foo=1": "unknown key 'foo'\n",
    "rerun.x=1": "unknown key 'rerun.x'; did you mean 'rerun'?",
    "paths.output=x": "unknown key 'paths.output'; did you mean 'paths.outputs'?",
    "optimizer.lrr=1": "unknown key 'optimizer.lrr' for Adadelta; did you mean 'optimizer.lr'?",
    "+optimizer.lrr=1": "unknown key 'optimizer.lrr' for Adadelta; did you mean 'optimizer.lr'?",
    "model.dropout=1": "unknown key 'model.dropout' for Siamese; did you mean 'model.dropout_",
    "hydra.launcher.job=1": "unknown key 'hydra.launcher.job'; did you mean 'hydra.launcher.n_jo",
    "hydra.lancher.jobs=1": "unknown key 'hydra.lancher.jobs'; did you mean 'hydra.launcher.n_jo",
    "hydra/launcher=ray hydra.launcher.num_cpu=1": "unknown key 'hydra.launcher.num_cpu'; did you",
    "augmentation.shift=1": (
        "'augmentation.shift' belongs to a choice of augmentation that is off: add "
        "augmentation=deformation or augmentation=shift"
    ),
    "-m augmentation=deformation,shift augmentation.shfit=1": "unknown key 'augmentation.shfit'",
    "paths=x": "'paths' is a section, of which one sets the keys: paths.data, paths.outputs",
    "model.learning_rates=0.3": "model.learning_rates=0.3: this section of the model's file only",
    # Habits of other tools, before any guess.
    "epochs=3": "unknown key 'epochs': use trainer.max_epochs=N",
    "trainer.epochs=3": "unknown key 'trainer.epochs': use trainer.max_epochs=N",
    "-m trainer.gpus=1,2": "unknown key 'trainer.gpus': use trainer=gpu trainer.devices=N",
    "lr=1": "unknown key 'lr': use optimizer.lr=X",
    "model.lr=1": "unknown key 'model.lr': use optimizer.lr=X",
    "ckpt_path=x": "unknown key 'ckpt_path': run the same command again to continue",
    "batch_size=3": "unknown key 'batch_size': use data.batch_size=N",
    "scheduler=one_cycle scheduler.warmup=0.3": "unknown key 'scheduler.warmup': use scheduler.pct",
    "schedule.warm_up=0.3": "unknown key 'schedule.warm_up': use scheduler.pct_start=X",
    "loss.label_smoothing=0.1": "unknown key 'loss.label_smoothing': use task.label_smoothing=X",
    "hydra.launcher.jobs=1": "unknown key 'hydra.launcher.jobs': use hydra.launcher.n_jobs=N",
    "trainer.deterministic=true": "trainer.deterministic belongs to the platform: every run draws",
    "hydra.run.dir=x": "hydra.run.dir does nothing here: a run's folder is named by what",
    # Words.
    "nonsense": "'nonsense' is not an override; use KEY=VALUE or GROUP=FILE",
    "seed": "'seed' is not an override; use KEY=VALUE or GROUP=FILE",
    # Values.
    "optimizer.lr=nan": "optimizer.lr=nan: should be a finite number",
    "seed=1.7": "seed=1.7: should be a valid integer",
    "-m seed=0,1.5": "seed=1.5: should be a valid integer",
    "paths.outputs=": "paths.outputs=: must not be empty",
    "-m seed=range(0)": "seed=range(0) lists no values, so the sweep has no jobs; give at least",
    # What only Hydra says.
    "seed=range(3)": "Sweep parameters 'seed=range(3)' requires --multirun",
    "-m --cfg job": "Only one of --run, --multirun, --cfg, --info",
    "model=[a": "Error when parsing index: 0",
}
DISK_REFUSED = {
    "activaton=relu": "unknown key 'activaton'; did you mean 'activation'?",
    "model=basic": "unknown key 'model'; known: activation, batch_size, ",
    "seeds=3": "unknown key 'seeds'; did you mean 'seed'?",
    "epochs=3": "unknown key 'epochs'; did you mean 'max_epochs'?",
    "optimizer=adam": "'optimizer' is a section, of which one sets the keys: optimizer.momentum, ",
    "+nonsense=1": "unknown key 'nonsense'",
    "study=epfl_table": "unknown key 'model', which study=epfl_table sets: is it a study of anothe",
}


def assert_refused(tmp_path: Path, module: str, typed: str, message: str) -> None:
    outputs = tmp_path / "outputs"
    given = [word for word in typed.split() if word.startswith("paths.")]
    end = type_command(module, *typed.split(), *([] if given else [f"paths.outputs={outputs}"]))
    assert end.errors.startswith(f"error: {message}"), end.errors
    assert end.exit_code == 2
    assert end.output == ""
    assert not outputs.exists()


@pytest.mark.parametrize(("typed", "message"), REFUSED.items(), ids=REFUSED)
def test_bad_input_is_refused_by_name_before_anything_is_written(
    small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(tmp_path, "project.train", typed, message)


@pytest.mark.parametrize(("typed", "message"), DISK_REFUSED.items(), ids=DISK_REFUSED)
def test_so_it_is_for_the_other_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(tmp_path, "project.disk.__main__", typed, message)


def test_a_study_of_the_other_experiment_is_said_to_be_one(tmp_path: Path) -> None:
    message = "unknown key 'activation', which study=disk_learning_rate sets: is it a study of anot"
    assert_refused(tmp_path, "project.train", "study=disk_learning_rate", message)


def test_a_study_for_another_sweeper_says_what_to_add(tmp_path: Path) -> None:
    message = (
        "study=tune_sprint sets hydra.sweeper.study, which this sweeper does not have: add "
        "hydra/sweeper=optuna"
    )
    assert_refused(tmp_path, "project.train", "study=tune_sprint hydra/sweeper=grid", message)


def own(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / "conf" / f"{name}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return f"--config-dir={tmp_path / 'conf'}"


def test_a_bad_choice_inside_of_a_study_is_named(small_mnist: Path, tmp_path: Path) -> None:
    text = "# @package _global_\nhydra: {sweeper: {params: {model: 'basic,bogus'}}}\n"
    flag = own(tmp_path, "study/bad", text)
    message = f"study=bad: unknown model 'bogus'\navailable: {MODELS}"
    assert_refused(tmp_path, "project.train", f"study=bad {flag}", message)


def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    flag = own(tmp_path, "model/bad", "# @package _global_\nmodel: {a: 1\n")
    end = type_command("project.train", "model=bad", flag)
    assert end.exit_code == 2
    assert end.errors.startswith("error: ")
    assert f'{tmp_path / "conf" / "model" / "bad.yaml"}", line ' in end.errors


def test_an_override_of_some_of_the_choices_that_are_swept_names_them(
    small_mnist: Path, tmp_path: Path
) -> None:
    message = "model=resnet has no key dropout_linear; of the choices swept here ws_al_do has it"
    typed = "-m model=ws_al_do,resnet model.dropout_linear=0.1"
    assert_refused(tmp_path, "project.train", typed, message)
