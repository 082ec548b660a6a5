"""A queue in a process of its own, to be killed: `python -m tests.training.serving HOME STEPS`."""

import sys
import time
from pathlib import Path

from tests.training.standin import Play
from tests.training.test_supervisor import Bench

if __name__ == "__main__":
    bench = Bench(Path(sys.argv[1]))
    bench.plays[1] = Play(steps=int(sys.argv[2]), pause=0.01, every=3)
    time.sleep(600)
