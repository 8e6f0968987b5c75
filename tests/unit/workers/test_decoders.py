import threading
from contextlib import closing

import numpy as np
import pytest

from workers.images import decoders
from workers.images.decoders import Decoders


def pixels(number):
    return np.full((1, 1, 3), number, np.uint8)


@pytest.fixture(autouse=True)
def _no_file_is_small(request, monkeypatch):
    if "small" not in request.node.name:
        monkeypatch.setattr(decoders, "_SMALL_BYTES", 0)


def test_a_small_file_is_decoded_by_whoever_asks():
    by = []

    def decode(_item, data):
        by.append(threading.current_thread())
        return pixels(data[0])

    with closing(Decoders(2).each(range(2), lambda item: bytes([item]), decode)) as decoded:
        assert [int(call()[0, 0, 0]) for _, call in decoded] == [0, 1]
    assert set(by) == {threading.current_thread()}


def test_as_many_are_decoded_at_once_as_there_are_threads_and_come_in_order():
    # Given a decoder that waits until another one is at work too
    together = threading.Barrier(2)

    def decode(_item, data):
        together.wait(10)
        return pixels(data[0])

    with closing(Decoders(2).each(range(8), lambda item: bytes([item]), decode)) as decoded:
        assert [(item, int(call()[0, 0, 0])) for item, call in decoded] == [(n, n) for n in range(8)]


def test_no_more_is_read_ahead_than_there_are_threads():
    read, taken = [], 0

    def note(item):
        read.append(item)
        assert len(read) <= taken + 3
        return b""

    with closing(Decoders(2).each(range(20), note, lambda item, _data: pixels(item))) as decoded:
        for _, call in decoded:
            call()
            taken += 1

    assert read == list(range(20))


@pytest.mark.parametrize("part", ["read", "decode"])
def test_what_one_raises_is_told_in_its_turn_and_the_others_are_there(part):
    def fails(name):
        def maybe(item, *_):
            if part == name and item == 1:
                raise MemoryError
            return b"" if name == "read" else pixels(item)

        return maybe

    with closing(Decoders(2).each(range(4), fails("read"), fails("decode"))) as decoded:
        calls = dict(decoded)

    assert [int(calls[item]()[0, 0, 0]) for item in (0, 2, 3)] == [0, 2, 3]
    with pytest.raises(MemoryError):
        calls[1]()


def test_left_early_nothing_is_under_way_any_more():
    under_way, entered, go_on = set(), threading.Event(), threading.Event()

    def decode(item, _data):
        under_way.add(item)
        entered.set()
        go_on.wait(10)
        under_way.discard(item)
        return pixels(item)

    decoded = Decoders(1).each(range(5), lambda _item: b"", decode)
    next(decoded)
    assert entered.wait(10)
    go_on.set()
    decoded.close()

    assert under_way == set()
