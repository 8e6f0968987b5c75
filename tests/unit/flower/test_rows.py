"""What Flower shows of a task."""

from types import SimpleNamespace

from workers.flower.rows import format_task

KWARGS = "{'v': 1, 'job': 'job-1', 'task': 'task-1', 'model': 'tiny@1', 'batch_size': 8}"


def task(**fields):
    known = {"name": "vedette.detect", "args": "()", "kwargs": KWARGS, "retries": 0, "routing_key": "detect.any.1g"}
    return SimpleNamespace(**{**known, "result": None, "exception": None, "traceback": None, **fields})


def test_what_the_doorbell_says_is_shared_out_over_the_columns():
    told = "tiny@1, 3 images, batch 8, attempt 2 after memory: 1.9; 2.0 GiB, so; detect.any.2g, job-1"

    shown = format_task(task(args=told, routing_key=None))

    assert shown.args == "tiny@1, 3 images, batch 8, attempt 2"
    assert shown.exception == "memory: 1.9; 2.0 GiB, so"
    assert shown.routing_key == "detect.any.2g"


def test_what_an_event_said_of_the_last_verdict_comes_before_what_the_doorbell_says():
    told = "tiny@1, batch 8, attempt 2 after memory: x; detect.any.2g, job-1"

    assert format_task(task(args=told, exception="batch 16 → 8 (memory: x)")).exception == "batch 16 → 8 (memory: x)"
    assert format_task(task(args="tiny@1, batch 8, attempt 1; detect.any.2g, job-1")).exception is None


def test_of_an_older_doorbell_the_line_is_made_of_what_there_is():
    shown = format_task(task(retries=2, exception="batch 16 → 8 (memory: no more)"))

    assert shown.args == "tiny@1, batch 8, attempt 3"
    assert (shown.exception, shown.routing_key) == ("batch 16 → 8 (memory: no more)", "detect.any.1g")


def test_what_cannot_be_read_is_shown_as_it_is():
    for kwargs in (None, "", "{'v': 1, 'job': ...", "__import__('os').abort()", "{'v': 9}"):
        assert format_task(task(kwargs=kwargs)).args == "()"


def test_other_tasks_keep_their_arguments_without_the_secrets():
    shown = format_task(task(name="vedette.submit", kwargs="{'images': ['https://h/a.jpg?sig=abc']}"))

    assert (shown.args, shown.kwargs) == ("()", "{'images': ['https://h/a.jpg?***']}")
