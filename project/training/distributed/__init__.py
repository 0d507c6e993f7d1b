"""One run on several devices of this machine, a process (rank) each.

Every rank draws the same batch and works on its own pairs of it. What a net computes over the batch
(batch statistics, dropout's noise) is computed over the batch of all ranks, gradients and metrics
are sums over all ranks: the result is that of one process, but for the rounding of the sums.

In float64 the weights of `ws_al_bn_do` differ by 1e-8 after 25 epochs. In float32 rounding grows
over the epochs, as it does with another number of threads: one run erred on 3.9 % of the test pairs
on one device, on 2.5 % with two devices and on 2.5 % with two threads.
"""
