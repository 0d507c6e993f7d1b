"""One run on several devices of this machine, a process (rank) each.

Every rank draws the same batch and works on its own pairs of it. What a net computes over the batch
(batch statistics, dropout's noise) is computed over the batch of all ranks, gradients and metrics
are sums over all ranks: the result is that of one process, but for the rounding of the sums.
"""
