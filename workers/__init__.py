"""The Celery app of Vedette's workers: `celery -A workers worker`.

Measuring the machine, adverts, the detect task, memory policy and the engine. TensorFlow lives in the slots (child
processes) only: nothing that the main process imports may import it.
"""

from workers.celery_app import app

__all__ = ["app"]
