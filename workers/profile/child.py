"""One load in a fresh process: `python -m workers.profile.child`, a Request on stdin, an Answer on stdout.

Set up like a slot, and calls the engine as a slot does: images that were decoded for this call, stacked, through
`SavedModel.detect`.
Lives on sufferance: `workers.isolation`.
"""

import importlib
import sys
import time
from typing import Final

from workers.isolation.child import serve
from workers.isolation.peak import PeakWatch
from workers.isolation.raised import raised
from workers.profile.protocol import Answer, Report, Request

#: What the allocator keeps from earlier calls adds to the peak until it has settled: 4 images of a megapixel through
#: `defects-large` peaked at 509, 589, 601 MB in the first three calls, and at 601 in the next thirty.
CALLS_MIN: Final = 6
CALLS_MAX: Final = 200
#: Where `CALLS_MIN` calls take more than so many times `repeat_s`, fewer must do.
PATIENCE: Final = 60
#: Side of the image that warms the model up: large enough for a detector's coarsest level, too small to cost memory.
WARM_UP_PX: Final = 256

#: What a slot has imported beside TensorFlow, 27 MB of it: with these, a child holds what a slot holds, 239 to 241 MB.
RESIDENT: Final = ("celery.bin.celery", "kombu.transport.redis", "workers.attempt")


def measure(request: Request, watch: PeakWatch) -> Report:
    """Runs the load. Memory errors and ModelBroken pass through."""
    began_s = time.perf_counter()
    import cv2
    import numpy as np

    for module in RESIDENT:
        importlib.import_module(module)
    importlib.import_module("workers.engine.runtime").prepare(request.load.threads)
    from workers.engine.saved_model import SavedModel
    from workers.images.decode import decode_rgb

    import_s, imported_bytes = time.perf_counter() - began_s, watch.now()

    began_s = time.perf_counter()
    model = SavedModel(request.directory, request.spec)
    load_s, loaded_bytes = time.perf_counter() - began_s, watch.now()

    load = request.load
    rng = np.random.default_rng(0)
    began_s = time.perf_counter()
    warm_px = (min(WARM_UP_PX, load.height_px), min(WARM_UP_PX, load.width_px))
    model.detect(rng.integers(0, 256, (1, *warm_px, 3), dtype=np.uint8))
    first_call_s, warm_bytes = time.perf_counter() - began_s, watch.now()

    file = cv2.imencode(".jpg", rng.integers(0, 256, (load.height_px, load.width_px, 3), dtype=np.uint8))[1].tobytes()
    batches = sorted({*request.beside, load.batch})
    call_s: dict[int, list[float]] = {batch: [] for batch in batches}
    while not enough([sum(round_s) for round_s in zip(*call_s.values(), strict=True)], request.repeat_s):
        for batch in batches:
            # Anew for each call: what the allocator keeps of the last ones is a slot's too.
            decoded = [decode_rgb(file) for _ in range(batch)]
            began_s = time.perf_counter()
            found = model.detect(np.stack(decoded))
            call_s[batch].append(time.perf_counter() - began_s)
            watch.now()
            if len(found) != batch:
                raise ValueError(f"{batch} images gave detections for {len(found)}")
            del decoded, found
    return Report(
        import_s=import_s,
        imported_bytes=imported_bytes,
        load_s=load_s,
        loaded_bytes=loaded_bytes,
        first_call_s=first_call_s,
        warm_bytes=warm_bytes,
        call_s=tuple(call_s[load.batch]),
        fastest_s={batch: min(seconds) for batch, seconds in call_s.items()},
        settled_bytes=watch.now(),
        peak_bytes=watch.peak_bytes,
        versions=_versions(),
    )


def enough(call_s: list[float], repeat_s: float) -> bool:
    """Whether calls that took so long tell enough.

    | calls         | repeat_s | enough |
    |---------------|----------|--------|
    | 5 of 1 s      | 1        | no     |
    | 6 of 1 s      | 1        | yes    |
    | 9 of 100 ms   | 1        | no     |
    | 2 of 31 s     | 1        | yes    |
    """
    if len(call_s) >= CALLS_MAX or sum(call_s) >= PATIENCE * repeat_s:
        return True
    return len(call_s) >= CALLS_MIN and sum(call_s) >= repeat_s


def _versions() -> dict[str, str]:
    return {name: str(sys.modules[name].__version__) for name in ("tensorflow", "numpy") if name in sys.modules}


def answer(request: Request) -> Answer:
    with PeakWatch(request.budget_bytes) as watch:
        try:
            return Answer(report=measure(request, watch))
        except Exception as error:
            return Answer(raised=raised(error))


def main() -> None:
    serve(lambda asked: answer(Request.model_validate_json(asked)).model_dump_json())


if __name__ == "__main__":
    main()
