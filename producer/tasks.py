"""What a job is called. How it is cut into tasks, both wings agree on: `contract.submission`. Pure."""

from datetime import datetime

from contract.submission import chunked as chunked
from contract.submission import slots_serving as slots_serving
from contract.submission import task_size as task_size


def job_name(now: datetime, token: str) -> str:
    """`job-20261123-a1b2c3d4`: sorts by day, can be read over the telephone."""
    return f"job-{now:%Y%m%d}-{token}"
