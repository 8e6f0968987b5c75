import threading
from contextlib import closing

import pytest

from contract.messages import ImageRef
from workers.images.ahead import AHEAD, read_ahead


def images(count, *, remote=True):
    form = "https://plates.test/{}.png" if remote else "/images/{}.png"
    return [ImageRef(index=n, name=str(n), uri=form.format(n)) for n in range(count)]


def test_a_few_are_asked_for_at_once_and_come_in_order():
    # Given images that are not answered before as many as may be have been asked for
    together = threading.Barrier(AHEAD)

    def read(image):
        together.wait(10)
        return image.name.encode()

    with closing(read_ahead(images(2 * AHEAD), read)) as ahead:
        assert [(image.index, data()) for image, data in ahead] == [(n, b"%d" % n) for n in range(2 * AHEAD)]


def test_no_more_than_that_are_begun_or_lie_in_memory():
    begun, looked_at = [], 0

    def read(image):
        begun.append(image.index)
        assert len(begun) <= looked_at + AHEAD + 1
        return b""

    with closing(read_ahead(images(50), read)) as ahead:
        for _, data in ahead:
            data()
            looked_at += 1

    assert sorted(begun) == list(range(50))


def test_files_are_read_when_it_is_their_turn_in_the_same_thread():
    threads = set()

    def read(_image):
        threads.add(threading.current_thread())
        return b""

    with closing(read_ahead(images(9, remote=False), read)) as ahead:
        for _, data in ahead:
            data()

    assert threads == {threading.current_thread()}


def test_an_error_is_raised_for_its_image_and_no_other():
    def read(image):
        if image.index == 2:
            raise MemoryError
        return b"x"

    with closing(read_ahead(images(6), read)) as ahead:
        for image, data in ahead:
            if image.index == 2:
                with pytest.raises(MemoryError):
                    data()
            else:
                assert data() == b"x"


def test_left_early_nothing_more_is_begun():
    begun, go = [], threading.Event()

    def read(image):
        begun.append(image.index)
        go.wait(10)
        return b""

    with closing(read_ahead(images(50), read)) as ahead:
        next(ahead)
        go.set()

    assert len(begun) <= AHEAD
