import click
import pytest
from click.testing import CliRunner

from contract.memory import GIB, MIB
from workers.hardware.plan import Caps
from workers.options import WORKER_OPTIONS, caps_from


@click.command()
@click.pass_context
def command(context, **_):
    click.echo(repr(caps_from(context.params)))


command.params.extend([*WORKER_OPTIONS, click.Option(["-c", "--concurrency"], type=int)])


def caps(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def complaint(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2, done.output
    return done.output


def test_nothing_said_is_nothing_capped():
    assert caps() == repr(Caps())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--memory", "4g"], Caps(memory_bytes=4 * GIB)),
        (["--memory", "1.5GiB"], Caps(memory_bytes=1536 * MIB)),
        (["--memory", "1073741824"], Caps(memory_bytes=GIB)),
        (["--slots", "2", "--threads", "3"], Caps(slots=2, threads=3)),
        (["--cpu", "x86_64_v3"], Caps(cpu="x86_64_v3")),
        (["-c", "2"], Caps(slots=2)),
        (["--slots", "3", "-c", "2"], Caps(slots=3)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_said_caps(arguments, expected):
    assert caps(*arguments) == repr(expected)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--memory", "lots"], ["--memory", "'lots'", "4GiB"]),
        (["--memory", "0"], ["--memory", "'0'"]),
        (["--memory", "-4g"], ["--memory", "'-4g'"]),
        (["--slots", "0"], ["--slots", "0"]),
        (["--threads", "two"], ["--threads", "'two'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_named_with_its_option(arguments, names):
    said = complaint(*arguments)

    assert all(name in said for name in names), said
