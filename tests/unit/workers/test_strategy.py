import pytest

from workers.strategy import flaw_of_body

EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@pytest.mark.parametrize("embed", [EMBED, {}, None, {"callbacks": []}])
def test_a_doorbell_has_no_flaw(embed):
    assert flaw_of_body([[], {"v": 1}, embed]) is None


def test_wrong_fields_are_the_tasks_own_business():
    assert flaw_of_body([["positional"], {"v": "no version"}, EMBED]) is None


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        ([], "args, kwargs and embed"),
        ([[], {}], "args, kwargs and embed"),
        ("abc", "args, kwargs and embed"),
        (b"", "args, kwargs and embed"),
        (None, "args, kwargs and embed"),
        ({"args": [], "kwargs": {}}, "args, kwargs and embed"),  # Celery's protocol 1
        ([1, 2, 3], "a list, an object and an object"),
        ([[], [], {}], "a list, an object and an object"),
        ([[], {}, 3], "a list, an object and an object"),
        ([[], {}, {"callbacks": [{"task": "x"}]}], "callbacks"),
        ([[], {}, {"errbacks": 3}], "callbacks"),
    ],
)
def test_what_celery_would_stumble_over_is_named(body, flaw):
    assert flaw in flaw_of_body(body)
