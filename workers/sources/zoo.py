"""The TensorFlow 2 Detection Model Zoo by name; the names stand in zoo.toml."""

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Zoo:
    #: Where the zoo's dated directories are.
    base: str
    license: str
    #: As `workers.labels` knows them.
    labels: str
    #: Date of publication by name.
    models: dict[str, str]

    def address(self, name: str) -> str:
        return f"{self.base.rstrip('/')}/{self.models[name]}/{name}.tar.gz"

    def named(self, text: str) -> str | None:
        """The model that `text` names, whole or without the dataset and the machine it was trained on: the beginning of
        one name only, up to an underscore."""
        if text in self.models:
            return text
        begun = [name for name in self.models if name.startswith(f"{text}_")]
        return begun[0] if len(begun) == 1 else None

    def like(self, name: str) -> list[str]:
        """Names of the zoo that may have been meant."""
        parts = [model for model in self.models if name in model]
        return parts or difflib.get_close_matches(name, self.models, n=3, cutoff=0.6)


def load_zoo(base: str | None = None) -> Zoo:
    """The zoo, at its own address or at that of a copy, `base`."""
    content = tomllib.loads((Path(__file__).parent / "zoo.toml").read_text(encoding="utf-8"))
    return Zoo(base or content["base"], content["license"], content["labels"], content["models"])
