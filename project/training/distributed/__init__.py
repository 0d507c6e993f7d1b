"""One run on several devices of this machine, a process (rank) each.

Every rank draws the same batch and works on its own pairs of it. What a net computes over the batch
(batch statistics, dropout's noise) is computed over the batch of all ranks, gradients and metrics
are sums over all ranks: the result is that of one process, but for the rounding of the sums. `ws_al_bn_do` in float64: after
25 epochs its weights differ by 1e-8. In float32 rounding grows to what another number of threads
makes as well, some tenths of a percent of the test pairs.
"""
