"""Settings that must be in place before torch is imported: one thread, products that do not depend on the batch."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_CBWR"] = "AUTO,STRICT"
