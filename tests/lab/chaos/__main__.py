"""`python -m tests.lab.chaos --seconds 600 --seed 1 --workers 2`: exit code 0 when every promise was kept."""

import argparse
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.lab.chaos.run import GRACE_S, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long faults strike (default: 600)")
    parser.add_argument("--seed", type=int, help="of faults and jobs (default: a new one, which is printed)")
    parser.add_argument("--workers", type=int, default=2, help="small and big ones in turn (default: 2)")
    parser.add_argument("--keep", type=Path, help="new directory for logs, models and Redis' files, which stays")
    given = parser.parse_args()
    seed = random.randrange(10_000) if given.seed is None else given.seed
    with ExitStack() as stack:
        directory = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-chaos-")))
        done = run(directory, given.seconds, seed, given.workers, say=lambda line: print(line, flush=True))
    print(f"\nTally\n{done.text}\n")
    if done.wrongs:
        print("NOT as promised:", *done.wrongs, sep="\n")
        return 1
    print(f"Every image has exactly one result; seed {seed}. (Grace is {GRACE_S:.0f} s.)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
