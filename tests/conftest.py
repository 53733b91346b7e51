"""Settings that must be in place before torch is imported: one thread, products that do not depend on the batch.

Suites that tests run write no report unless a test asks for it: drawing takes longer than training them.
"""

import os
import signal

# What a shell starts in the background ignores interrupts, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_CBWR"] = "AUTO,STRICT"
os.environ["RLBENCH_NO_REPORT"] = "1"
