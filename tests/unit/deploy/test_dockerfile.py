"""The Dockerfile: what it copies is there, what it installs is pinned, and who runs it is nobody special."""

import re
import tomllib

import pytest

from contract.settings import PREFIX, Settings
from tests.support.compose import ROOT
from tests.support.dockerfile import stages

STAGES = stages()
CONTEXT = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
COPIED = {source for step in STAGES["wheel"].steps if step.word == "COPY" for source in step.rest.split()[:-1]}


def test_the_base_is_pinned_by_its_full_version():
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", STAGES["base"].base)
    assert {stage.base for name, stage in STAGES.items() if name != "base"} == {"base"}


def test_the_wheel_has_every_package_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, "pyproject.toml", "README.md", "LICENSE"} == COPIED


def test_what_is_copied_or_mounted_is_in_the_build_context():
    mounted = {
        mount["source"]
        for stage in STAGES.values()
        for step in stage.steps
        if step.word == "RUN"
        for mount in step.mounts
        if mount["type"] == "bind" and "from" not in mount
    }
    assert COPIED | mounted == CONTEXT
    assert all((ROOT / each).exists() for each in CONTEXT)


@pytest.mark.parametrize("name", ["light", "worker"])
def test_what_is_installed_is_pinned_and_ours_comes_from_no_index(name):
    (install,) = [step for step in STAGES[name].steps if step.word == "RUN"]
    assert "--constraint /constraints.txt" in install.rest
    # By its path: a package of that name on an index, with a higher version, would win otherwise.
    assert re.search(r'"\$\(echo /wheels/\*\.whl\)\[[\w,]+\]"$', install.rest)


@pytest.mark.parametrize("name", ["light", "worker"])
def test_nothing_is_done_as_root_at_the_end(name):
    words = [step.word for step in STAGES[name].steps]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word == "RUN")
    assert [step.rest for step in STAGES[name].steps if step.word == "USER"] == ["10001:10001"]


def test_an_instruction_that_is_not_known_is_refused_with_its_line():
    with pytest.raises(AssertionError, match="line 3: VOLUME is not known"):
        stages("FROM a AS b\n# a comment\nVOLUME /data\n")


def test_lines_are_joined_and_flags_are_read():
    mounts = "--mount=type=cache,target=/c \\\n    --mount=type=bind,from=x,source=/y,target=/z"
    text = f"FROM a AS b\nRUN {mounts} \\\n    do it && \\\n    more\n"
    (step,) = stages(text)["b"].steps
    assert (step.line, step.rest) == (2, "do it &&  more")
    assert step.mounts == [
        {"type": "cache", "target": "/c"},
        {"type": "bind", "from": "x", "source": "/y", "target": "/z"},
    ]


def test_the_image_that_nobody_names_a_target_for_starts_a_worker():
    *_, last = STAGES.values()
    told = {step.word: step for step in last.steps}
    assert told["CMD"].argv[:4] == ["celery", "-A", "workers", "worker"]
    assert told["STOPSIGNAL"].rest == "SIGTERM"


def test_every_setting_that_an_image_has_exists():
    named = {name for stage in STAGES.values() for step in stage.steps if step.word == "ENV" for name in step.variables}
    ours = {name for name in named if name.startswith(PREFIX)}
    assert ours
    assert ours <= {PREFIX + field.upper() for field in Settings.model_fields}
