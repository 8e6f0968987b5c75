"""`/healthz`: this process answers. `/readyz`: it can do its work, or what is missing."""

from typing import Final

import redis
from fastapi import APIRouter

from contract.connection import connect
from contract.errors import RedisUnreachable
from producer.gateway.backend import Asked, Backend
from producer.gateway.errors import answers
from producer.gateway.schemas import Health
from producer.outage import answering

router: Final = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether this process answers")
def healthz() -> Health:
    return Health(status="ok")


@router.get("/readyz", responses=answers(503), summary="Whether jobs can be submitted: 503 says what is missing")
def readyz(asked: Asked) -> Health:
    """No worker need live for that: whether one can run a model is told when a job is submitted."""
    ask_redis(asked)
    return Health(status="ok")


def ask_redis(asked: Backend) -> None:
    """RedisUnreachable after two seconds: a probe must not wait as long as a job may."""
    with answering(asked.settings), connect(asked.settings, patient=False) as client:
        try:
            client.ping()
        except redis.BusyLoadingError as error:
            raise RedisUnreachable(f"Redis is still reading its file ({error})") from error
