"""sbatch, srun, squeue, scancel and scontrol for one node of endless room: what Slurm does for us.

Called with the name of one of them. FAKE_SLURM names a folder in which a file stands for every job
that lives, and beside it what befell it.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ.get("FAKE_SLURM", "nowhere"))


def sbatch(script: str) -> None:
    text = Path(script).read_text()
    job = str(77 + len(list(STATE.glob("*.sh"))))
    (STATE / f"{job}.sh").write_text(text)
    array = re.search(r"--array=0-(\d+)", text)
    indices = range(int(array[1]) + 1) if array else [None]
    for index in indices:
        name = job if index is None else f"{job}_{index}"
        environment = {"SLURM_JOB_ID": name, "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "ablation"}
        if index is not None:
            environment |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(index)}
        (STATE / name).touch()
        subprocess.Popen(
            [sys.executable, __file__, "node", name],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    print(f"Submitted batch job {job}")


def node(name: str) -> None:
    """Runs the job, and again whenever it was queued again meanwhile."""
    again = STATE / f"{name}.requeue"
    while True:
        subprocess.run(["bash", str(STATE / f"{name.split('_')[0]}.sh")])
        if not again.exists():
            break
        again.rename(STATE / f"{name}.was-requeued")
    (STATE / name).unlink()


def srun(*words: str) -> None:
    output = words[words.index("--output") + 1]
    command = words[words.index("--output") + 2 :]
    names = {"%j": "SLURM_JOB_ID", "%A": "SLURM_ARRAY_JOB_ID", "%a": "SLURM_ARRAY_TASK_ID"}
    for sign, variable in names.items():
        output = output.replace(sign, os.environ.get(variable, ""))
    descriptor = os.open(output.replace("%t", "0"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    (STATE / f"{os.environ['SLURM_JOB_ID']}.pid").write_text(str(os.getpid()))
    os.execvp(command[0], command)


def squeue(*words: str) -> None:
    if "--format=%T" in words:
        job = words[-1].removeprefix("--jobs=")
        print("COMPLETING" if (STATE / f"{job}.cancelled").exists() else "RUNNING")
    else:
        print(*(path.name for path in STATE.iterdir() if not path.suffix), sep="\n")


def scancel(*names: str) -> None:
    for name in names:
        (STATE / f"{name}.cancelled").touch()
        os.kill(int((STATE / f"{name}.pid").read_text()), signal.SIGTERM)


def scontrol(word: str, name: str) -> None:
    assert word == "requeue"
    (STATE / f"{name}.requeue").touch()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
