"""Every metric of the fleet. docs/metrics.md has the same table; a test compares the two.

Series are bounded by models, workers and queues that are known, times codes that are fixed. Names end in their unit,
and in `_total` for what only grows.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True)
class Meant:
    kind: Kind
    labels: tuple[str, ...]
    help: str


CATALOG: Final[dict[str, Meant]] = {
    "vedette_redis_up": Meant("gauge", (), "Whether Redis answers; 0: all others are missing"),
    "vedette_scrape_seconds": Meant("gauge", (), "How long it took to ask Redis for all of this"),
    # Queues: those in use. One on which nothing waits has zeros, so that an alert can end.
    "vedette_queue_tasks": Meant("gauge", ("queue",), "Tasks that wait on the queue"),
    "vedette_queue_images": Meant("gauge", ("queue",), "Images of tasks that wait, an estimate where many do"),
    "vedette_queue_oldest_seconds": Meant("gauge", ("queue",), "Since the bell of the longest waiting task was rung"),
    "vedette_queue_tasks_in_flight": Meant("gauge", ("queue",), "Tasks from the queue that slots are at"),
    "vedette_queue_images_in_flight": Meant("gauge", ("queue",), "Images of those tasks without a result so far"),
    "vedette_queue_workers": Meant("gauge", ("queue",), "Live workers that listen to the queue"),
    # Models: those of the registry.
    "vedette_images_total": Meant(
        "counter",
        ("model", "outcome"),
        "Images with a result: succeeded, failed for their file, dead for anything else",
    ),
    "vedette_failures_total": Meant("counter", ("model", "code"), "Images that failed, by failure code"),
    "vedette_attempts_total": Meant(
        "counter", ("model", "verdict"), "Attempts that ended: done, handed_back, or the verdict of a failed one"
    ),
    "vedette_kills_total": Meant("counter", ("model", "by"), "Attempts whose slot died, by who ended it"),
    "vedette_batch_images": Meant("histogram", ("model",), "Model calls, by images in them"),
    "vedette_image_seconds": Meant(
        "histogram", ("model",), "Images, by the time of their call, decoding included, over its images"
    ),
    "vedette_memory_peak_ratio": Meant(
        "histogram", ("model",), "Model calls, by peak memory of the slot over what was predicted; above 1: too little"
    ),
    "vedette_memory_predicted_bytes": Meant(
        "gauge", ("model", "class"), "Predicted memory of a slot, last call on a class of worker"
    ),
    "vedette_memory_peak_bytes": Meant("gauge", ("model", "class"), "Peak memory of a slot in the same call"),
    "vedette_model_tasks": Meant("gauge", ("model",), "Tasks of the model that wait, an estimate where many do"),
    "vedette_model_workers": Meant("gauge", ("model",), "Live workers that the model fits"),
    "vedette_learned_batch_limit": Meant(
        "gauge", ("model", "class"), "Largest batch that workers of the class try; absent: nothing failed yet"
    ),
    "vedette_learned_batch_fitted": Meant("gauge", ("model", "class"), "Largest batch that fitted there"),
    # Workers: those that live.
    "vedette_workers": Meant("gauge", (), "Live workers"),
    "vedette_worker_info": Meant("gauge", ("worker", "cpu_level", "class", "tensorflow"), "1 for each live worker"),
    "vedette_worker_uptime_seconds": Meant("gauge", ("worker",), "Since the worker started"),
    "vedette_worker_draining": Meant("gauge", ("worker",), "1: it takes nothing new"),
    "vedette_worker_withdrawn_queues": Meant("gauge", ("worker",), "Queues that it would fit and no longer serves"),
    "vedette_worker_slots": Meant("gauge", ("worker",), "Slots of the worker"),
    "vedette_worker_slots_busy": Meant("gauge", ("worker",), "Slots that have an attempt"),
    "vedette_worker_memory_bytes": Meant("gauge", ("worker",), "Anonymous memory of its main process and slots"),
    "vedette_worker_memory_limit_bytes": Meant("gauge", ("worker",), "What all of its slots may use together"),
    "vedette_worker_memory_free_bytes": Meant("gauge", ("worker",), "What its machine could give it now"),
    "vedette_worker_slot_memory_bytes": Meant("gauge", ("worker", "slot"), "Anonymous memory of a slot, 1 the oldest"),
    "vedette_worker_models_loaded": Meant("gauge", ("worker", "model"), "Slots that have the model loaded"),
    "vedette_worker_kills_total": Meant("counter", ("worker", "by"), "Slots that died at work since it started"),
    "vedette_worker_images_total": Meant("counter", ("worker", "model"), "Images done since it started"),
    # What else there is in Redis.
    "vedette_blob_bytes": Meant("gauge", (), "Bytes of uploaded images that are kept"),
    "vedette_blob_limit_bytes": Meant("gauge", (), "Most that may be: VEDETTE_BLOB_BYTES of this process"),
    "vedette_messages_refused_total": Meant("counter", ("code",), "Messages that were taken off a queue unread"),
}
