"""Building blocks for algorithms, in torch. The first axis of every tensor is the seed, and seeds never mix.

On a CPU with one thread, a seed's numbers are the same alone and in any stack, bit for bit. To that end, a network's
parameters are one tensor [S, P] whose rows and layer columns are padded to multiples of 16 floats. Each row is updated
independently of the others. Reductions run over trailing axes. softplus and sigmoid are written out.

Each module is imported at its first use, so a run depends only on the modules that it uses.
"""

from rlbench.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
