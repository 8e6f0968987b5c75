"""Two slots on one small machine: they share what it has, and one that takes too much does not cost the other."""

import sys

import pytest

from contract.memory import MIB
from tests.lab.history import failures, told
from tests.lab.hungry_model import build_hungry_model
from tests.support.cgroups import memory_cgroup
from tests.support.wait import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.integration]

TWO_SLOTS = ("--slots", "2", "--threads", "1")

#: Takes what it is told, says so, and stays.
BALLAST = "import sys; held = b'x' * (int(sys.argv[1]) << 20); print('held', flush=True); sys.stdin.read()"


def test_two_slots_do_not_both_take_the_last_of_the_memory(yard):
    # Given a machine of 2 GiB with two slots, most of it taken by others since: one batch of eight fits, two do not
    honest = build_hungry_model(yard.store, "honest", holds_mib=60, says_mib=60, call_s=2)
    images = yard.plain_images(32)
    with memory_cgroup(2048 * MIB) as machine, yard.worker("pair", *TWO_SLOTS, prefix=machine.prefix) as worker:
        ballast = machine.run([sys.executable, "-c", BALLAST, "600"], stdin=-1, stdout=-1)
        assert ballast.stdout.readline() == b"held\n"

        # When both have a task of two batches
        job = yard.submit(honest, images, batch_size=8, task_images=16)
        results = job.finished(60)
        ballast.communicate()

        # Then both are done, and neither the kernel nor the guard has ended anybody
        assert all(result.ok for result in results.values()), worker.log
        assert failures(job) == [], worker.log
        assert min(result.batch_size for result in results.values()) < 8
        assert machine.oom_kills == 0
        assert "exitcode" not in worker.log


def test_only_the_one_that_took_too_much_shrinks(yard):
    # Given a machine of 2 GiB with two slots, and two models: one lies about its appetite, one is modest
    greedy = build_hungry_model(yard.store, "greedy", holds_mib=120)
    modest = build_hungry_model(yard.store, "modest", holds_mib=10, says_mib=10, call_s=0.5)
    with memory_cgroup(2048 * MIB) as machine, yard.worker("pair", *TWO_SLOTS, prefix=machine.prefix) as worker:
        # When both are at work
        steady = yard.submit(modest, yard.plain_images(160), batch_size=4, task_images=160)
        wait_until(steady.results, 30, that="the modest one is at work")
        job = yard.submit(greedy, yard.plain_images(32), batch_size=16, task_images=32)
        results = job.finished(120)

        # Then the greedy one has shrunk until it fitted
        assert all(result.ok for result in results.values()), worker.log
        assert told(job)[0] == "memory: batch 16 → 8", worker.log
        assert max(result.batch_size for result in results.values()) < 16

        # And the modest one goes on with the batch that it had
        results = steady.finished(60)
        assert all(result.ok for result in results.values())
        assert {result.batch_size for result in results.values()} == {4}
        assert set(told(steady)) <= {"memory: put back unchanged: another process took the memory"}, worker.log
