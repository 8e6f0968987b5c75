"""The file that health checks of containers look at: young while the worker's event loop turns, old when it stands."""

import os
import signal
import time

import pytest

from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


def test_the_file_is_young_while_the_event_loop_turns(new_yard, tmp_path):
    alive = tmp_path / "alive"
    with new_yard.worker("living", "--memory", "1g", "--slots", "1", VEDETTE_ALIVE_FILE=str(alive)) as worker:
        wait_until(alive.exists, 20, that="the worker touches its file")

        # When it is frozen: the file grows old
        os.kill(worker.process.pid, signal.SIGSTOP)
        try:
            frozen = alive.stat().st_mtime
            time.sleep(3 * new_yard.settings.upkeep.total_seconds())
            assert alive.stat().st_mtime == frozen
        finally:
            os.kill(worker.process.pid, signal.SIGCONT)

        # Then, when it goes on, so does the file
        wait_until(lambda: alive.stat().st_mtime > frozen, 20, that="the file is touched again")


def test_a_file_that_cannot_be_made_is_told_once_and_costs_nothing(new_yard, tmp_path):
    nowhere = tmp_path / "no" / "such" / "directory" / "alive"
    with new_yard.worker("mute", "--memory", "1g", "--slots", "1", VEDETTE_ALIVE_FILE=str(nowhere)) as worker:
        told = f"VEDETTE_ALIVE_FILE={nowhere} cannot be touched: No such file or directory"
        wait_until(lambda: told in worker.log, 20, that="it is told")
        time.sleep(3 * new_yard.settings.upkeep.total_seconds())
        assert worker.log.count(told) == 1
