"""The line about a task that Flower shows."""

import pytest

from contract.doorbell import told
from contract.messages import DetectMessage

BELL = DetectMessage(job="job-1", task="task-1", model="defects-small@1", batch_size=8)


@pytest.mark.parametrize(
    ("attempt", "images", "after", "line"),
    [
        (1, 32, "", "defects-small@1, 32 images, batch 8, attempt 1; detect.any.1g, job-1"),
        (1, 1, "", "defects-small@1, 1 image, batch 8, attempt 1; detect.any.1g, job-1"),
        (1, None, "", "defects-small@1, batch 8, attempt 1; detect.any.1g, job-1"),
        (
            3,
            7,
            "memory: SIGKILL by the kernel",
            "defects-small@1, 7 images, batch 8, attempt 3 after memory: SIGKILL by the kernel; detect.any.1g, job-1",
        ),
    ],
)
def test_a_task_in_one_line(attempt, images, after, line):
    assert told(BELL, "detect.any.1g", attempt, images, after) == line


def test_an_error_of_any_length_leaves_room_for_queue_and_job():
    line = told(BELL, "detect.any.1g", 2, 7, "model: " + "x" * 5000)

    assert line.endswith("xxx; detect.any.1g, job-1")
    assert len(line) < 300
