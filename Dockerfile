# Two images of one release: `worker` has TensorFlow and OpenCV, `light` has what needs neither: the gateway, Flower, the
# exporter and the `vedette` command. Everything comes as wheels: nothing is compiled, and no system package is needed.
#
#   docker build --target worker -t vedette-worker .        docker build --target light -t vedette-light .
#
# deploy/constraints.txt has the versions that the tests ran on. The base is pinned by its full version, not by a digest:
# a digest belongs to one architecture's build, and rebuilding the tag brings Debian's security fixes.
# `make deploy-check` carries these lines out in a clean root, without an engine; it knows RUN, COPY, ENV, ARG, WORKDIR
# and USER, and mounts of type bind and cache.

FROM python:3.11.14-slim-bookworm AS base

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# The ids are part of the interface: volumes belong to them, and Kubernetes wants numbers.
RUN groupadd --gid 10001 vedette && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vedette
# A volume takes over the owner of the directory that it is mounted at.
RUN install -d -o vedette -g vedette /var/cache/vedette /models && install -d /images


FROM base AS wheel

COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY producer /src/producer
COPY workers /src/workers
COPY vedette /src/vedette
COPY monitoring /src/monitoring
RUN --mount=type=cache,target=/root/.cache/pip pip wheel --no-deps --wheel-dir /wheels /src


FROM base AS light

RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    --mount=type=bind,source=deploy/constraints.txt,target=/constraints.txt \
    --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /constraints.txt "$(echo /wheels/*.whl)[gateway,monitor]"

# Flower looks for a home directory, and gets one that vanishes.
ENV VEDETTE_IMAGE_ROOTS=/images \
    HOME=/tmp
WORKDIR /tmp
USER 10001:10001
CMD ["vedette", "--help"]


FROM base AS worker

RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    --mount=type=bind,source=deploy/constraints.txt,target=/constraints.txt \
    --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint /constraints.txt "$(echo /wheels/*.whl)[worker]"

# Images are mounted at /images, and nothing outside of it is read. Models of a store at a URL are kept in the cache.
# Temporary files may be some hundred MB of fetched images: /var/tmp belongs on a disk, for a tmpfs would count as memory.
ENV VEDETTE_IMAGE_ROOTS=/images \
    VEDETTE_MODEL_CACHE=/var/cache/vedette \
    VEDETTE_ALIVE_FILE=/tmp/alive \
    TMPDIR=/var/tmp \
    HOME=/tmp
WORKDIR /tmp
USER 10001:10001
# SIGTERM is Celery's warm shutdown: each slot ends the batch that it is at and hands the rest of its task back.
STOPSIGNAL SIGTERM
CMD ["celery", "-A", "workers", "worker", "--loglevel", "INFO"]
