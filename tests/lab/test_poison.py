"""An image that ends every process that touches it: found among the others in O(log n) deaths, and given up alone."""

import os
import signal
from contextlib import suppress

import pytest

from tests.lab.history import failures, told
from tests.support.wait import wait_until
from workers.memory.blackbox import read_all

pytestmark = [pytest.mark.lab, pytest.mark.integration]

POISON = 5
BATCH = 8


def test_the_poisonous_image_is_isolated_and_given_up_alone(yard, tmp_path):
    # Given a model that takes its time, and a hand that ends each slot as soon as it runs the poisonous image
    slow = yard.model("slow", call_s=0.5)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with yard.worker("brave", "--memory", "2g", "--slots", "1", "--threads", "1", TMPDIR=str(temporary)) as worker:
        [boxes] = temporary.glob("vedette-*")
        job = yard.submit(slow, yard.plain_images(2 * BATCH), batch_size=BATCH)

        def ended() -> bool:
            for entry in read_all(boxes):
                if entry.stage == "run" and POISON in entry.batch:
                    with suppress(ProcessLookupError):
                        os.kill(entry.pid, signal.SIGSEGV)
            return job.status().ended

        wait_until(ended, 150, that="the job ends")
        results = job.finished()

        # Then it is the only one that failed, after a death in each of 8, 4, 2, 1 and, to be sure, 1 images
        [letter] = yard.ledger.dead(job.name)
        assert (letter.index, letter.failure.code) == (POISON, "crash")
        assert [index for index, result in results.items() if not result.ok] == [POISON]
        assert told(job) == [
            "crash: batch 8 → 4",
            "crash: batch 4 → 2",
            "crash: batch 2 → 1",
            "crash: put back unchanged",
            "crash: given up: alone in its batch, 2 times",
        ]
        assert all(attempt.detail.startswith("SIGSEGV") for attempt in failures(job))
        assert worker.process.poll() is None
