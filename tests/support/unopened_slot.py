"""A worker none of whose slots can be opened: celery -A workers worker -I tests.support.unopened_slot"""

from typing import Any

from workers import slot


def _make(*_args: Any) -> slot.Slot:
    raise OSError("no slot today")


slot._make = _make
