"""The ladder under RLIMIT_AS, where memory fails as exceptions, SIGSEGV or SIGABRT, never as the kernel's kill."""

from collections.abc import Sequence

import pytest

from contract.memory import MIB
from tests.lab.history import failures, told

pytestmark = [pytest.mark.lab, pytest.mark.integration]

IMAGES = 64


def limited_to(limit_mib: int) -> Sequence[str]:
    """Before a command: each of its processes may map so much."""
    return ["/bin/sh", "-c", 'ulimit -v "$0" && exec "$@"', str(limit_mib * MIB // 1024)]


# A slot maps 2.2 GiB before its first batch; batches of 4, 8 and 16 add 0.5, 1 and 2 GiB. Whether 4 fits depends on
# what an earlier batch made TensorFlow's allocator map, and on whether the guard lets it go so far.
@pytest.mark.parametrize(("limit_mib", "onednn"), [(2800, "1"), (3000, "0")])
def test_sixteen_and_eight_do_not_fit_and_less_does(yard, limit_mib, onednn):
    # Given a worker whose processes may map that much, and a model that takes 120 MiB an image without saying so
    greedy = yard.model("greedy", holds_mib=120)
    images = yard.plain_images(IMAGES)
    narrow = limited_to(limit_mib)
    with yard.worker("narrow", "--slots", "1", prefix=narrow, TF_ENABLE_ONEDNN_OPTS=onednn) as worker:
        # When a job asks for batches of 16
        job = yard.submit(greedy, images, batch_size=16, task_images=IMAGES)
        results = job.finished(timeout_s=120)

        # Then every image has its result, and each failure is known to be memory, whatever it looked like
        assert len(results) == IMAGES
        assert all(result.ok for result in results.values()), worker.log
        assert max(result.batch_size for result in results.values()) <= 4, worker.log
        steps = [f"memory: batch {size} → {size // 2}" for size in (16, 8, 4, 2)]
        assert told(job) in (steps[:2], steps[:3], steps), [*map(repr, failures(job)), worker.log]
        assert worker.process.poll() is None
