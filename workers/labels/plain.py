"""Labels from lines, JSON and YAML."""

import json
from typing import Any, Final

import yaml

from contract.errors import LabelsError

#: Keys under which YAML files keep their labels: Ultralytics and Darknet, automl.
_YAML_KEYS: Final = ("names", "label_map")


def parse_lines(text: str, file: str, first_id: int) -> dict[int, str]:
    """A label on each line; blank lines at the end are nothing, between labels they are a mistake."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    for number, line in enumerate(lines, start=1):
        if not line:
            raise LabelsError(f"{file}, line {number}: expected a label, found a blank line")
    return dict(enumerate(lines, start=first_id))


def parse_json(text: str, file: str, first_id: int) -> dict[int, str]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise LabelsError(f"{file}, line {error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise LabelsError(f"{file}: nested too deeply for labels") from None
    return _from_value(content, file, first_id)


def parse_yaml(text: str, file: str, first_id: int) -> dict[int, str]:
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LabelsError(f"{file}, line {line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LabelsError(f"{file}: not valid YAML: {error}") from None
    keys = [key for key in _YAML_KEYS if isinstance(content, dict) and key in content]
    if not keys:
        raise LabelsError(f"{file}: expected labels under `names:` or `label_map:`")
    return _from_value(content[keys[0]], f"{file}, {keys[0]}", first_id)


def _from_value(value: Any, where: str, first_id: int) -> dict[int, str]:
    if isinstance(value, list):
        pairs = list(enumerate(value, start=first_id))
    elif isinstance(value, dict):
        pairs = [(_number(key, where), label) for key, label in value.items()]
    else:
        raise LabelsError(f"{where}: expected a list of labels, or class ids with their labels")
    for number, label in pairs:
        if not isinstance(label, str) or not label.strip():
            raise LabelsError(f"{where}: class {number}: expected a label as text, found {label!r:.40}")
    return {number: label.strip() for number, label in pairs}


def _number(key: Any, where: str) -> int:
    text = str(key)
    if isinstance(key, bool) or not (text.isascii() and text.isdecimal()):
        raise LabelsError(f"{where}: expected a class id such as 1 before a label, found {key!r:.40}")
    return int(text)
