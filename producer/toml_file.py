"""Reads a TOML file that an operator wrote, such as that of API keys: what is wrong with it is one clear message."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from contract.errors import SettingsError

Content = TypeVar("Content", bound=BaseModel)


def read_toml(path: Path, kind: type[Content], shown: str) -> Content:
    """SettingsError names `shown`, the place and what was expected, and nothing of what stands there."""
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{shown}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown}: not valid TOML: {error}") from None
    except ValidationError as error:
        flaws = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"{shown}: {flaws}") from None
