"""Advice for keys that other tools have and that this platform spells differently or lacks."""

import re

_OWN_FOLDER = (
    "a run's folder is named by what the run is, <paths.outputs>/runs/<variant>/seed_<k>; use "
    "paths.outputs=FOLDER"
)
_RESUME = "run the same command again to continue from the last checkpoint"

# The advice for each key, which must match what was typed as a whole.
ANSWERS = {
    "epochs": "use trainer.max_epochs=N",
    "max_epochs": "use trainer.max_epochs=N",
    "num_epochs": "use trainer.max_epochs=N",
    "trainer.epochs": "use trainer.max_epochs=N",
    "lr": "use optimizer.lr=X",
    "learning_rate": "use optimizer.lr=X",
    "model.lr": "use optimizer.lr=X",
    "optimizer.learning_rate": "use optimizer.lr=X",
    "weight_decay": "use optimizer.weight_decay=X",
    "batch_size": "use data.batch_size=N",
    "trainer.batch_size": "use data.batch_size=N",
    "train": "every run trains and tests; leave it out",
    "test": "every run is tested once, at its end; leave it out",
    "ckpt_path": f"{_RESUME}; project.evaluate tests a completed run on other data",
    "resume": _RESUME,
    "resume_from_checkpoint": _RESUME,
    "trainer.resume_from_checkpoint": _RESUME,
    "gpus": "use trainer=gpu trainer.devices=N",
    "trainer.gpus": "use trainer=gpu trainer.devices=N",
    "device": "use trainer.accelerator=cpu|gpu|auto",
    "accelerator": "use trainer.accelerator=cpu|gpu|auto",
    "devices": "use trainer.devices=N",
    "num_workers": "use data.num_workers=N if the data module takes it",
    "workers": "use hydra.launcher.n_jobs=N for jobs side by side",
    "n_jobs": "use hydra.launcher.n_jobs=N",
    "jobs": "use hydra.launcher.n_jobs=N",
    "hydra.launcher.jobs": "use hydra.launcher.n_jobs=N",
    "seeds": "use seed=K, or with -m 'seed=range(10)'; conf/seeds holds sources of chance fixed",
    "output_dir": "use paths.outputs=FOLDER",
    "outputs": "use paths.outputs=FOLDER",
    "out": "use paths.outputs=FOLDER",
    "data_dir": "use paths.data=FOLDER",
    "paths.output_dir": "use paths.outputs=FOLDER",
    "paths.data_dir": "use paths.data=FOLDER",
    "name": "runs are named by what they are; tags=[word] and notes='...' are yours",
    "experiment": "use study=NAME, a file of conf/study",
    "schedule": "use scheduler=NAME, a file of conf/scheduler",
    "lr_scheduler": "use scheduler=NAME, a file of conf/scheduler",
    "averaging": "use callbacks=ema",
    "ema": "use callbacks=ema",
    "dataset": "use data=NAME, a file of conf/data",
    "datamodule": "use data=NAME, a file of conf/data",
    "net": "use model=NAME, a file of conf/model",
    "criterion": "the loss belongs to the task: task=NAME, a file of conf/task",
    "loss": "the loss belongs to the task: task=NAME, a file of conf/task",
    "deterministic": "every run draws from named streams; leave it out",
    "hydra.run.dir": _OWN_FOLDER,
    "hydra.sweep.dir": _OWN_FOLDER,
    "hydra.sweep.subdir": _OWN_FOLDER,
    "hydra.job.chdir": "commands stay in the folder in which they are started; leave it out",
    "hydra.output_subdir": f"config.yaml lies in the run directory: {_OWN_FOLDER}",
    "hydra.verbose": "run.log in the run directory holds what a run says; leave it out",
}
SCHEDULER_KEYS = {
    "warmup": "pct_start",
    "warm_up": "pct_start",
    "initial_divisor": "div_factor",
    "final_divisor": "final_div_factor",
}
# Keys that Hydra accepts but that have no effect here: they are refused instead of ignored.
REFUSED = frozenset(key for key in ANSWERS if key.startswith("hydra.") and "launcher" not in key)


def answer(key: str) -> str | None:
    """Return advice on what to type instead of another tool's key; None if `key` is not known."""
    if key in ANSWERS:
        return ANSWERS[key]
    if re.fullmatch(r"loss\.(auxiliary_weight|label_smoothing)", key):
        return f"use task.{key.partition('.')[2]}=X"
    section, _, name = key.partition(".")
    if section in ("schedule", "scheduler") and name in SCHEDULER_KEYS:
        return f"use scheduler.{SCHEDULER_KEYS[name]}=X"
    if section == "schedule" and name:
        return f"use scheduler.{name}=X"
    return None
