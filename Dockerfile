# One image for workers, Flower, the gateway and the `vedette` command. TensorFlow, OpenCV and Flower come as wheels:
# nothing is compiled, and no system package is needed.
FROM python:3.11-slim-bookworm

ARG EXTRAS=worker,monitor,gateway

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin vedette

COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY producer /src/producer
COPY workers /src/workers
COPY vedette /src/vedette
COPY monitoring /src/monitoring
RUN --mount=type=cache,target=/root/.cache/pip pip install "/src[${EXTRAS}]" && rm -rf /src

# Images are mounted here, and nothing outside of it is read.
ENV VEDETTE_IMAGE_ROOTS=/images
# Models of a store at a URL are kept here; a volume keeps them beyond the container.
ENV VEDETTE_MODEL_CACHE=/var/cache/vedette
RUN install -d -o vedette -g vedette /var/cache/vedette
WORKDIR /tmp
USER vedette

# Celery's warm shutdown: what runs is finished, nothing new is taken.
STOPSIGNAL SIGTERM
CMD ["celery", "-A", "workers", "worker", "--loglevel", "INFO"]
