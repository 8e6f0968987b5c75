"""A program that submits many references and reads their results meanwhile, and says how much memory that took.

    python -m tests.support.long_submission REDIS_URL COUNT

Prints a line of JSON. It is a process of its own, so that nothing else is in its memory.
"""

import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from producer import Client, Job


def main() -> None:
    url, count = sys.argv[1], int(sys.argv[2])
    read: list[int] = [0]

    def read_all(job: Job) -> None:
        for _, result in job.results_indexed(timeout=300):
            assert result.ok
            read[0] += 1

    def references() -> Iterator[str]:
        return (f"/archive/2026/11/camera-{number % 7}/{number:08}.jpg" for number in range(count))

    with Client(url) as client:
        client.submit([f"{number}.jpg" for number in range(64)], model="defects-small").cancel()  # what is made once
        before_bytes = _memory("VmRSS")
        readers: list[threading.Thread] = []

        def on_created(job: Job) -> None:
            readers.append(threading.Thread(target=read_all, args=(job,)))
            readers[0].start()

        job = client.submit(references(), model="defects-small", on_created=on_created)
        meanwhile = read[0]
        readers[0].join()
        report = {
            "grown_bytes": _memory("VmHWM") - before_bytes,
            "total": job.status().total,
            "read": read[0],
            "read_while_submitting": meanwhile,
        }
    print(json.dumps(report))


def _memory(field: str) -> int:
    """Bytes resident now (VmRSS) or at most so far (VmHWM)."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None, field
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
