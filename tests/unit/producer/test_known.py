"""What a submission may go by without looking."""

from typing import Any

import pytest

from contract.errors import NoCapableWorker
from producer.known import Known
from tests.support.builders import advert, spec


class Registry:
    def __init__(self) -> None:
        self.looks = 0
        self.living: list[Any] = []

    def model(self, name: str) -> Any:
        self.looks += 1
        return spec(name)

    def adverts(self) -> list[Any]:
        return self.living


@pytest.fixture
def registry() -> Registry:
    return Registry()


def first_worker(model: Any, adverts: Any) -> tuple[str, str]:
    if not adverts:
        raise NoCapableWorker("nobody")
    return model.name, adverts[0].node


def test_one_look_serves_for_a_moment(registry: Registry) -> None:
    registry.living = [advert("a@yard")]
    known = Known(registry, lifetime_s=60)  # type: ignore[arg-type]

    assert [known.decide("tiny", first_worker) for _ in range(3)] == [("tiny", "a@yard")] * 3

    assert registry.looks == 1


def test_each_model_has_its_own(registry: Registry) -> None:
    registry.living = [advert("a@yard")]
    known = Known(registry, lifetime_s=60)  # type: ignore[arg-type]

    assert [known.decide(name, first_worker)[0] for name in ("tiny", "large", "tiny")] == ["tiny", "large", "tiny"]

    assert registry.looks == 2


def test_after_the_moment_it_looks_again(registry: Registry) -> None:
    known = Known(registry, lifetime_s=0)  # type: ignore[arg-type]
    registry.living = [advert("a@yard")]
    known.decide("tiny", first_worker)
    registry.living = [advert("b@yard")]

    assert known.decide("tiny", first_worker) == ("tiny", "b@yard")


def test_a_no_is_never_told_from_memory(registry: Registry) -> None:
    # Given a look that saw nobody, where waiting was allowed
    known = Known(registry, lifetime_s=60)  # type: ignore[arg-type]
    known.decide("tiny", lambda _model, adverts: len(adverts))

    # When a worker has come meanwhile
    registry.living = [advert("a@yard")]

    # Then it is found at once; and where none has, that is looked up too
    assert known.decide("tiny", first_worker) == ("tiny", "a@yard")
    registry.living = []
    known.forget()
    with pytest.raises(NoCapableWorker):
        known.decide("tiny", first_worker)
    assert registry.looks == 3
