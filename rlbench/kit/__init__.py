"""Building blocks for algorithms, in torch. The first axis of every tensor is the seed, and seeds never mix.

On a CPU with one thread, a seed's numbers are the same alone and in any stack, bit for bit. The reasons: a network's
parameters are one tensor [S, P] whose rows and layer columns are rounded up to 16 floats; each row is updated by its
own kernel call; reductions run over trailing axes; softplus and sigmoid are written out.

Each module is imported at its first use, so a run depends only on the modules that it uses.
"""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
