"""Differential privacy (DP-SGD, Abadi et al. 2016), one decision a file.

    planning.py         decides: the noise that the target epsilon and the planned steps ask for
    sampling.py         which records a step uses: Poisson, on every rank
    record_gradients.py each record's own gradient, clipped, summed
    noise.py            the Gaussian noise, added once
    journal.py          records every step durably before it happens
    accounting.py       epsilon of the steps that were executed
    secrecy.py          randomness that nobody can predict
    supported_layers.py which networks have per-record gradients at all

Reads no files but the journal and starts no workers.
"""
