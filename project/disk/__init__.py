"""The experiment of part 2: classify points in the unit square as inside or outside a disk.

The nets are those of `project.framework`. This package does not use Lightning; this file does not
import torch.
"""
