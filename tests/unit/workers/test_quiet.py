import os
import subprocess
import sys
import textwrap

import pytest

from workers.quiet import quiet_stderr


def greet():
    os.write(2, b"oneDNN custom operations are on\n")


def stderr_of(program: str) -> str:
    """What a fresh process prints, whose sys.stderr is file descriptor 2 and not pytest's."""
    done = subprocess.run(
        [sys.executable, "-c", "import os, sys\nfrom workers.quiet import quiet_stderr\n" + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stderr


def test_what_anybody_writes_to_stderr_is_held_back():
    printed = stderr_of("""
        sys.stderr.write("before, ")
        with quiet_stderr():
            os.write(2, b"from C++")
            print("from Python", file=sys.stderr)
            os.system("echo from a child >&2")
        print("after", file=sys.stderr)
    """)

    assert printed == "before, after\n"


def test_a_failure_shows_all_of_it():
    printed = stderr_of("""
        with quiet_stderr():
            os.write(2, b"from C++\\n")
            print("from Python", file=sys.stderr)
            raise ImportError("libtensorflow_cc.so.2: cannot open shared object file")
    """)

    assert printed.startswith("from C++\nfrom Python\nTraceback")
    assert printed.endswith("libtensorflow_cc.so.2: cannot open shared object file\n")


def test_no_file_descriptor_is_left_open(capfd):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def fail():
        with quiet_stderr():
            raise SystemExit(1)

    before = descriptors()
    for _ in range(5):
        with quiet_stderr():
            greet()
        with pytest.raises(SystemExit):
            fail()
    assert descriptors() == before
    assert capfd.readouterr().err == ""
