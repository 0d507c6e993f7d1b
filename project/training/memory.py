"""The memory of a training step is kept for the next one."""

import ctypes

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST, KEPT = 2**25, 2**30  # bytes; of an allocation no more may be asked


def keep_freed_memory() -> None:
    """Let malloc keep what is freed, instead of giving it back to the system and asking again.

    Every step frees maps of some megabytes that the next one needs again. By default glibc returns
    them, and the first touch of each new page is a fault: a thousand in a step of `ws_al_bn_do`,
    8 to 30 % of its time. The process needs no more memory at its peak. Without glibc nothing
    happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    if mallopt(M_MMAP_THRESHOLD, LARGEST):
        mallopt(M_TRIM_THRESHOLD, KEPT)
