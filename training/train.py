"""Train the detectors: python -m training.train --out DIR --seed N --minutes M

Three phases. One network learns from both kinds of view; then it is continued twice, once with the plates that
`defects-small` sees and once with those of `defects-large`. A network for both is confused for good: a pinhole seen
at a third of its size is a speck of dust seen at full size.

The learning rate follows the clock, not a count of steps, so the run ends well after M minutes on any machine; a
faster one only sees more plates. The seed fixes the weights at the start and the order of the plates. A phase whose
weights are in DIR already is not repeated, so an interrupted run goes on with the phase it was in.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from training import training_report
from training.batches import view_batches
from training.names import LARGE, SMALL
from training.views import BOTH, ONLY_CROPS, ONLY_WHOLE, Mix

BATCH = 16


@dataclass(frozen=True)
class Phase:
    """`share` of the whole time; `peak_rate` of learning; begins with fresh weights or those of the phase `after`."""

    name: str
    after: str | None
    mix: Mix
    share: float
    peak_rate: float


SHARED = "shared"
PHASES = (
    Phase(SHARED, None, BOTH, share=0.70, peak_rate=2e-3),
    Phase(SMALL, SHARED, ONLY_WHOLE, share=0.15, peak_rate=4e-4),
    Phase(LARGE, SHARED, ONLY_CROPS, share=0.15, peak_rate=4e-4),
)


def main() -> None:
    # Here, because the rendering processes import this module too, and TensorFlow would cost each 0.2 GB and 2 s.
    from training import learning, weights
    from training.net import Detector

    options = _options()
    learning.use_the_whole_machine(options.processes)
    for n, phase in enumerate(PHASES):
        path = options.out / f"{phase.name}.npz"
        if path.exists():
            print(f"{path} is there already")
            continue
        before = phase.after and options.out / f"{phase.after}.npz"
        detector = weights.load(before) if before else Detector.fresh(options.seed)
        batches = view_batches(len(PHASES) * options.seed + n, phase.mix, BATCH, options.processes)
        try:
            duration_s = 60 * options.minutes * phase.share
            report = learning.train(detector, batches, phase.peak_rate, duration_s)
        finally:
            batches.close()
        weights.save(detector, path)
        training_report.add(options.out, phase.name, report, options.seed, options.minutes)
        print(f"wrote {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory for the weights and training.json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=34.0, help="how long to train, in all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="rendering processes and threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()
