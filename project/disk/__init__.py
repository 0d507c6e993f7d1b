"""Part 2's experiment: points in the unit square, labelled by a disk, learnt by `framework`.

Knows the framework and the random streams; no Lightning, and no torch in this file.
"""
