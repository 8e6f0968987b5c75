"""Whether the installed packages go together: what `pip check` would say, of what a worker needs. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from workers.doctor.facts import Package
from workers.doctor.finding import Finding

#: Who asks for everything else.
ROOT: Final = "vedette"
#: Shown with their versions, for these are the ones that quarrel.
_TELLING: Final = ("tensorflow", "numpy", "protobuf", "ml-dtypes", "opencv-python-headless", "celery", "kombu", "redis")


@dataclass(frozen=True)
class Misfit:
    #: Canonical name.
    name: str
    #: None: not installed.
    version: str | None
    #: "tensorflow 2.21.0 needs >=6.31.1,<8.0.0", of each package that is not content.
    complaints: tuple[str, ...]


def package_findings(packages: Mapping[str, Package]) -> list[Finding]:
    """`packages` by canonical name; only what `vedette[worker]` needs is looked at.

    Without a TensorFlow it is a producer's install, which is told elsewhere, and only its own needs count.
    """
    wanted = wanted_by(packages)
    misfits = find_misfits(packages, wanted)
    if not misfits:
        versions = {name: packages[name].version for name in _TELLING if name in packages}
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        return [
            Finding(
                "packages_fit",
                "ok",
                "packages",
                f"{len(wanted)} package{'s go' if len(wanted) > 1 else ' goes'} together: {shown}",
                numbers={"versions": versions, "packages": len(wanted)},
            )
        ]
    return [_misfit(misfit, wanted[misfit.name]) for misfit in misfits]


def wanted_by(packages: Mapping[str, Package]) -> dict[str, list[tuple[Package, Requirement]]]:
    """Canonical name -> who needs it and how, walking from `vedette[worker]` through all that is installed."""
    wanted: dict[str, list[tuple[Package, Requirement]]] = defaultdict(list)
    worker = ("", "worker") if "tensorflow" in packages else ("",)
    root = ROOT if ROOT in packages else "tensorflow"  # else a checkout that was never installed
    waiting, seen = [root], {root}
    while waiting:
        holder = packages.get(waiting.pop())
        extras = worker if holder and canonicalize_name(holder.name) == ROOT else ("",)
        for requirement in _requirements(holder, extras) if holder else ():
            name = canonicalize_name(requirement.name)
            if holder is not None and name != ROOT:
                wanted[name].append((holder, requirement))
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return dict(wanted)


def find_misfits(
    packages: Mapping[str, Package], wanted: Mapping[str, list[tuple[Package, Requirement]]]
) -> list[Misfit]:
    found = []
    for name, needs in sorted(wanted.items()):
        package = packages.get(name)
        complaints = tuple(
            f"{holder.name} {holder.version} needs {str(requirement.specifier) or 'it'}"
            for holder, requirement in needs
            if package is None or not _fits(package.version, requirement)
        )
        if complaints:
            found.append(Misfit(name, None if package is None else package.version, complaints))
    return found


def tightest(specifiers: Sequence[Specifier]) -> list[str]:
    """What all of them allow together, without those that others imply: >=1.26, >=2.0, <3, <4 -> >=2.0, <3.

    Whether anything is left between them is for pip to find out.
    """
    bounds = {
        operator: choose(matching, key=lambda one: Version(one.version))
        for operator, choose in ((">=", max), (">", max), ("<=", min), ("<", min))
        if (matching := [one for one in specifiers if one.operator == operator])
    }
    others = {str(one) for one in specifiers if one.operator not in (">=", ">", "<=", "<")}
    return [str(one) for one in bounds.values()] + sorted(others)


def _misfit(misfit: Misfit, needs: list[tuple[Package, Requirement]]) -> Finding:
    fitting = misfit.name + ",".join(tightest([part for _, requirement in needs for part in requirement.specifier]))
    complaints = "; ".join(misfit.complaints)
    numbers = {"package": misfit.name, "version": misfit.version, "complaints": list(misfit.complaints)}
    if misfit.version is None:
        return Finding(
            "package_absent",
            "problem",
            "packages",
            f"{misfit.name} is not installed.",
            f"{complaints}.",
            f"pip install '{fitting}'",
            numbers=numbers,
        )
    return Finding(
        "package_misfit",
        "problem",
        "packages",
        f"{misfit.name} {misfit.version} does not go with the others.",
        f"{complaints}. Compiled packages of versions that do not go together fail at import, or crash later.",
        f"pip install '{fitting}'",
        numbers=numbers,
    )


def _requirements(package: Package, extras: tuple[str, ...]) -> Iterator[Requirement]:
    """Those that count here: markers (Python, platform, extra) evaluated."""
    for text in package.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # an old package's own spelling; pip skips it too
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def _fits(version: str, requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True  # nothing can be said of it
