"""Which workers are meant to drain, and whether the others can spare them. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from contract.model_spec import ModelSpec
from contract.registry import Advert, serves
from producer.errors import DrainUnsupported, WorkerNeeded, WorkerUnknown


def meant(adverts: Sequence[Advert], names: Iterable[str]) -> list[Advert]:
    """Workers by node name, by its part before the @, or by a pattern (`small*`, `*@yard`), in the fleet's order.

    WorkerUnknown for a name that no live worker has.
    """
    wanted: set[str] = set()
    for name in names:
        found = {advert.node for advert in adverts if _is_named(advert.node, name)}
        if not found:
            there_are = ", ".join(advert.node for advert in adverts)
            raise WorkerUnknown(
                f"no live worker is called {name!r}. " + (f"There are: {there_are}." if adverts else "None is alive.")
            )
        wanted |= found
    return [advert for advert in adverts if advert.node in wanted]


def check_can_drain(workers: Sequence[Advert]) -> None:
    """DrainUnsupported names those that are of a Vedette which knows of no draining."""
    unable = [advert.node for advert in workers if not advert.instance]
    if unable:
        raise DrainUnsupported(
            f"{', '.join(unable)}: of an older Vedette, which cannot drain. SIGTERM ends it after the batch that it is "
            "at, and hands the rest back."
        )


def check_spared(workers: Sequence[Advert], adverts: Sequence[Advert], models: Sequence[ModelSpec]) -> None:
    """WorkerNeeded names the models that nobody could run without `workers`."""
    going = {advert.node for advert in workers}
    staying = [advert for advert in adverts if advert.node not in going]
    orphans = [
        spec.ref
        for spec in models
        if any(serves(advert, spec.needs) for advert in adverts)
        and not any(serves(advert, spec.needs) for advert in staying)
    ]
    if orphans:
        plural = "s" if len(going) > 1 else ""
        raise WorkerNeeded(
            f"without the worker{plural} {', '.join(sorted(going))}, nobody could run {', '.join(orphans)}: "
            "new jobs would be refused, and queued ones would wait. Start another worker first, or use --force."
        )


def _is_named(node: str, name: str) -> bool:
    return name in (node, node.partition("@")[0]) or fnmatchcase(node, name)
