"""Advice for keys that other tools have and that this platform spells differently or lacks."""

import re

_OWN_FOLDER = (
    "a run's folder is named by what the run is, <paths.outputs>/runs/<variant>/seed_<k>; use "
    "paths.outputs=FOLDER"
)
_RESUME = "run the same command again to continue from the last checkpoint"

# The keys, each typed as a whole, that get the same advice.
_KEYS = {
    "use trainer.max_epochs=N": ("epochs", "max_epochs", "num_epochs", "trainer.epochs"),
    "use optimizer.lr=X": ("lr", "learning_rate", "model.lr", "optimizer.learning_rate"),
    "use optimizer.weight_decay=X": ("weight_decay",),
    "use data.batch_size=N": ("batch_size", "trainer.batch_size"),
    "every run trains and tests; leave it out": ("train",),
    "every run is tested once, at its end; leave it out": ("test",),
    f"{_RESUME}; project.evaluate tests a completed run on other data": ("ckpt_path",),
    _RESUME: ("resume", "resume_from_checkpoint", "trainer.resume_from_checkpoint"),
    "use trainer=gpu trainer.devices=N": ("gpus", "trainer.gpus"),
    "use trainer.accelerator=cpu|gpu|auto": ("device", "accelerator"),
    "use trainer.devices=N": ("devices",),
    "use data.num_workers=N if the data module takes it": ("num_workers",),
    "use hydra.launcher.n_jobs=N for jobs side by side": ("workers",),
    "use hydra.launcher.n_jobs=N": ("n_jobs", "jobs", "hydra.launcher.jobs"),
    "use seed=K, or with -m 'seed=range(10)'; conf/seeds holds sources of chance fixed": ("seeds",),
    "use paths.outputs=FOLDER": ("output_dir", "outputs", "out", "paths.output_dir"),
    "use paths.data=FOLDER": ("data_dir", "paths.data_dir"),
    "runs are named by what they are; tags=[word] and notes='...' are yours": ("name",),
    "use study=NAME, a file of conf/study": ("experiment",),
    "use scheduler=NAME, a file of conf/scheduler": ("schedule", "lr_scheduler"),
    "use callbacks=ema": ("averaging", "ema"),
    "use data=NAME, a file of conf/data": ("dataset", "datamodule"),
    "use model=NAME, a file of conf/model": ("net",),
    "the loss belongs to the task: task=NAME, a file of conf/task": ("criterion", "loss"),
    "every run draws from named streams; leave it out": ("deterministic",),
    _OWN_FOLDER: ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
    "commands stay in the folder in which they are started; leave it out": ("hydra.job.chdir",),
    f"config.yaml lies in the run directory: {_OWN_FOLDER}": ("hydra.output_subdir",),
    "run.log in the run directory holds what a run says; leave it out": ("hydra.verbose",),
}
ANSWERS = {key: advice for advice, keys in _KEYS.items() for key in keys}
SCHEDULER_KEYS = {"warmup": "pct_start", "warm_up": "pct_start"}
# Keys that Hydra accepts but that have no effect here: they are refused instead of ignored.
REFUSED = frozenset(key for key in ANSWERS if key.startswith("hydra.") and "launcher" not in key)


def answer(key: str) -> str | None:
    """Return advice on what to type instead of another tool's key; None if `key` is not known."""
    if key in ANSWERS:
        return ANSWERS[key]
    if re.fullmatch(r"loss\.(auxiliary_weight|label_smoothing)", key):
        return f"use task.{key.partition('.')[2]}=X"
    section, _, name = key.partition(".")
    if section in ("schedule", "scheduler") and (name in SCHEDULER_KEYS or section == "schedule"):
        return f"use scheduler.{SCHEDULER_KEYS.get(name, name)}=X"
    return None
