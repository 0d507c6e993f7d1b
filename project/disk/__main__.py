"""python -m project.disk: one run of part 2's experiment on the mini framework, or a sweep with -m.

python -m project.disk                                   tanh at the report's best learning rate
python -m project.disk -m activation=tanh,relu lr=0.01,0.05,0.1,0.5 'seed=range(50)'
python -m project.disk study=disk_learning_rate          the report's figures 1 and 2
"""

from project.cli import main as cli
from project.disk.experiment import DiskExperiment, execute


def main() -> None:
    """Run python -m project.disk with the arguments of the process."""
    cli.run(execute, DiskExperiment(), "disk")


if __name__ == "__main__":
    main()
