"""What a benchmark found, for docs/performance.md and its picture, which `python -m benchmarks` makes."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Claim:
    """A ratio that was measured, or an amount, and what it was to be."""

    what: str
    measured: float
    #: None: nothing was promised.
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"

    @property
    def met(self) -> bool | None:
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.measured >= self.at_least) and (
            self.at_most is None or self.measured <= self.at_most
        )


@dataclass(frozen=True)
class Speed:
    """A bar of the picture."""

    #: What was the same for all that are compared: photographs, model, callers.
    about: str
    name: str
    images_per_s: float


def write_claims(path: Path | None, claims: Iterable[Claim], speeds: Iterable[Speed] = ()) -> None:
    if path is not None:
        told = {"claims": [*map(asdict, claims)], "speeds": [*map(asdict, speeds)]}
        path.write_text(json.dumps(told), encoding="utf-8")


def read_claims(path: Path) -> tuple[list[Claim], list[Speed]]:
    """Empty where the benchmark told of none."""
    if not path.exists():
        return [], []
    told = json.loads(path.read_text(encoding="utf-8"))
    return [Claim(**fields) for fields in told["claims"]], [Speed(**fields) for fields in told["speeds"]]


def claims_table(claims: Iterable[Claim]) -> list[str]:
    """Lines of Markdown."""
    lines = ["| what | measured | wanted | |", "|---|---:|---:|---|"]
    for claim in claims:
        wanted = "" if claim.met is None else f"{_bound(claim)}"
        verdict = {None: "", True: "met", False: "**not met**"}[claim.met]
        lines.append(f"| {claim.what} | {_amount(claim.measured, claim.unit)} | {wanted} | {verdict} |")
    return lines


def _bound(claim: Claim) -> str:
    bounds = [("≥", claim.at_least), ("≤", claim.at_most)]
    return ", ".join(f"{sign} {_amount(value, claim.unit)}" for sign, value in bounds if value is not None)


def _amount(value: float, unit: str) -> str:
    return f"{value:.2f}{unit}" if unit == "×" else f"{value:,.4g} {unit}"
