"""Loads a model and runs black images: `python -m workers.doctor.trial_child '{…}'`, as `workers.doctor.trial` does.

Prints a JSON line before each stage and one after it, as the preflight's child does, and at the end its memory. A
thread watches: it ends the process before the kernel would, and offers it to the kernel as the first to go.
"""

import faulthandler
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from contract.errors import ModelBroken
from contract.memory import format_bytes
from contract.model_spec import FILE_NAME, read_spec
from workers.isolation.child import answer_stream, live_on_sufferance
from workers.memory.death import GUARD_EXIT
from workers.memory.guard import default_floor_bytes, judge
from workers.memory.sample import Sampler
from workers.verdict import describe_error, verdict_of

MODEL_EXIT: Final = 3
_INTERVAL_S: Final = 0.005
#: How long single calls, and then a batch, are timed, after one call each that builds kernels. A model that takes 16 s
#: an image is timed once, and gets no batch: nobody waits minutes for a doctor.
_BUDGET_S: Final = 10.0
_CALLS_MAX: Final = 5


def main() -> None:
    faulthandler.disable()
    live_on_sufferance()
    asked = json.loads(sys.argv[1])
    report = answer_stream()

    def say(**what: Any) -> None:
        print(json.dumps(what), file=report, flush=True)

    watch = Watch(asked["share_bytes"], say)
    threading.Thread(target=watch.run, daemon=True).start()
    try:
        _try(asked, say)
    except ModelBroken as error:
        say(ended_by=str(error), verdict="model")
        os._exit(MODEL_EXIT)
    except BaseException as error:
        say(ended_by=describe_error(error), verdict=verdict_of(error))
        os._exit(MODEL_EXIT)
    say(peak_bytes=watch.peak_bytes)
    report.close()
    os._exit(0)


def _try(asked: dict[str, Any], say: Callable[..., None]) -> None:
    directory = Path(asked["directory"])
    spec = read_spec(directory / FILE_NAME)

    def stage(name: str, work: Callable[[], Any]) -> Any:
        say(stage=name, state="begun")
        begun_s = time.monotonic()
        done = work()
        say(stage=name, state="done", seconds=round(time.monotonic() - begun_s, 4))
        return done

    def prepared() -> Any:
        from workers.engine import runtime
        from workers.engine.saved_model import SavedModel

        runtime.prepare(asked["threads"])
        return SavedModel

    saved_model = stage("engine import", prepared)
    model = stage("model load", lambda: saved_model(directory, spec))
    side_px = max(1, math.isqrt(round(spec.requirement.image_megapixels * 1e6)))
    one = _black(1, side_px)
    stage("first call", lambda: model.detect(one))
    begun_s, calls = time.monotonic(), 0
    while calls == 0 or (calls < _CALLS_MAX and time.monotonic() - begun_s < _BUDGET_S):
        stage("call", lambda: model.detect(one))
        calls += 1
    call_s = (time.monotonic() - begun_s) / calls
    batch = min(asked["batch"], int(_BUDGET_S / call_s))
    if batch > 1:
        many = _black(batch, side_px)
        stage("first batch", lambda: model.detect(many))
        stage("batch", lambda: model.detect(many))
    say(call_s=call_s, batch=max(1, batch))


def _black(images: int, side_px: int) -> Any:
    import numpy as np

    return np.zeros((images, side_px, side_px, 3), np.uint8)


class Watch:
    """The guard's judgement without a worker around it."""

    def __init__(self, share_bytes: int, say: Callable[..., None]) -> None:
        self._sampler = Sampler()
        self._share_bytes = share_bytes
        self._floor_bytes = default_floor_bytes(self._sampler.smallest_limit_bytes() or share_bytes)
        self._say = say
        self.peak_bytes = 0

    def run(self) -> None:
        while True:
            sample = self._sampler.sample()
            self.peak_bytes = max(self.peak_bytes, sample.anon_bytes)
            if judge(sample, share_bytes=self._share_bytes, floor_bytes=self._floor_bytes, busy=True) == "end":
                held, share = format_bytes(sample.anon_bytes), format_bytes(self._share_bytes)
                free = format_bytes(sample.free_bytes)
                self._say(
                    verdict="memory", ended_by=f"guard: {held} of {share} in use, {free} free ({sample.tightest})"
                )
                os._exit(GUARD_EXIT)
            time.sleep(_INTERVAL_S)


if __name__ == "__main__":
    main()
