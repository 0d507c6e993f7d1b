"""Part 2's experiment: points in the unit square, labelled by a disk, learnt by `framework`.

Knows the framework and the random streams; neither Lightning nor Hydra, and no torch in this file.
"""
