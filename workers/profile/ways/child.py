"""Times ways to run a model by turns: `python -m workers.profile.ways.child`, a Request on stdin, an Answer on stdout.

Set up like a slot, and calls the engine as a slot does: images that lie decoded, stacked, through
`SavedModel.detect`, as many calls at once as the way has streams.
Lives on sufferance: `workers.isolation`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from contract.engine_plan import EnginePlan
from workers.isolation.child import serve
from workers.isolation.peak import PeakWatch
from workers.isolation.raised import raised
from workers.profile.child import RESIDENT, WARM_UP_PX
from workers.profile.ways.protocol import Answer, Report, Request, WayReport
from workers.profile.ways.turns import enough, images_of_a_turn

if TYPE_CHECKING:
    from workers.engine.feed import Images
    from workers.engine.saved_model import SavedModel


def measure(request: Request, watch: PeakWatch) -> Report:
    """Runs the ways. Memory errors and ModelBroken pass through."""
    for module in RESIDENT:
        importlib.import_module(module)
    importlib.import_module("workers.engine.runtime").prepare(request.threads)
    from workers.profile.ways.pictures import pictures

    shown = pictures(request.width_px, request.height_px)
    models = _loaded(request)
    ready_bytes = watch.begin_anew()
    against = _against(models, shown)
    call_s = _call_s(models[request.ways[0]], shown)
    streams = max(way.streams for way in request.ways)
    call_images = max(way.call_images or 1 for way in request.ways)
    images = [shown[i % len(shown)] for i in range(images_of_a_turn(call_s, request.batch, streams, call_images))]
    fastest_s = _fastest_s(models, images, request)
    return Report(
        ways=tuple(
            WayReport(way=way, images_per_s=len(images) / fastest_s[way], against=against[way]) for way in request.ways
        ),
        ready_bytes=ready_bytes,
        running_bytes=watch.peak_bytes,
    )


def _loaded(request: Request) -> dict[EnginePlan, SavedModel]:
    """Ready for its first real call. Ways that differ in nothing but their calls share it."""
    from workers.engine.saved_model import SavedModel
    from workers.profile.ways.pictures import pictures

    [small] = pictures(*(min(side_px, WARM_UP_PX) for side_px in (request.width_px, request.height_px)))[:1]
    models: dict[EnginePlan, SavedModel] = {}
    for way in request.ways:
        alike = next((models[other] for other in models if _made(way) == _made(other)), None)
        models[way] = alike or SavedModel(request.directory, request.spec, way, request.threads)
        models[way].detect(small[None])
    return models


def _made(way: EnginePlan) -> tuple[int | bool, ...]:
    """What a loaded model is made for: with a graph as it was exported, for any number of streams."""
    return (way.streams, way.bf16) if way.frozen else ()


def _against(models: Mapping[EnginePlan, SavedModel], shown: Sequence[Images]) -> dict[EnginePlan, str]:
    """What each way finds otherwise than the first, or why it is none."""
    from workers.profile.ways.alike import difference, finds_nothing, numbers_differ

    exported, *_ = models.values()
    found = [model_found for picture in shown for model_found in exported.detect(picture[None])]
    against: dict[EnginePlan, str] = {}
    for way, model in models.items():
        same = next((other for other in against if models[other] is model), None)
        if model is exported:
            against[way] = ""
        elif way.frozen != model.plan.frozen:
            against[way] = "its graph cannot be frozen"
        elif same is not None:
            against[way] = against[same]
        else:
            its = [model_found for picture in shown for model_found in model.detect(picture[None])]
            against[way] = difference(found, its)
            if finds_nothing(found) and finds_nothing(its):
                numbers = [[each.fetch(picture[None])[0] for picture in shown] for each in (exported, model)]
                against[way] = numbers_differ(*numbers)
    return against


def _call_s(model: SavedModel, shown: Sequence[Images]) -> float:
    model.detect(shown[0][None])
    began_s = time.perf_counter()
    model.detect(shown[1][None])
    return time.perf_counter() - began_s


def _fastest_s(
    models: Mapping[EnginePlan, SavedModel], images: Sequence[Images], request: Request
) -> dict[EnginePlan, float]:
    """Of a turn with all `images`. Every second time in reverse, so that none always comes after the same one."""
    turn_s: dict[EnginePlan, list[float]] = {way: [] for way in models}
    for way, model in models.items():  # the first with new shapes is not the rule
        _turn_s(way, model, images, request.batch)
    while not enough([max(one) for one in zip(*turn_s.values(), strict=True)], request.repeat_s):
        ways = list(models.items())
        for way, model in reversed(ways) if len(turn_s[ways[0][0]]) % 2 else ways:
            turn_s[way].append(_turn_s(way, model, images, request.batch))
    return {way: min(seconds) for way, seconds in turn_s.items()}


def _turn_s(way: EnginePlan, model: SavedModel, images: Sequence[Images], batch: int) -> float:
    from workers.engine.feed import stacked

    size = way.call_images or batch
    began_s = time.perf_counter()
    with ThreadPoolExecutor(way.streams) as streams:
        calls = [
            streams.submit(lambda some: len(model.detect(stacked(some))), images[i : i + size])
            for i in range(0, len(images), size)
        ]
        given = sum(call.result() for call in calls)
    took_s = time.perf_counter() - began_s
    if given != len(images):
        raise ValueError(f"{len(images)} images gave detections for {given}")
    return took_s


def answer(request: Request) -> Answer:
    with PeakWatch(request.budget_bytes) as watch:
        try:
            return Answer(report=measure(request, watch))
        except Exception as error:
            return Answer(raised=raised(error))


def main() -> None:
    serve(lambda asked: answer(Request.model_validate_json(asked)).model_dump_json(by_alias=True))


if __name__ == "__main__":
    main()
