import pytest
from celery.concurrency.prefork import TaskPool
from celery.concurrency.solo import TaskPool as SoloPool

from contract.errors import SettingsError
from tests.support.builders import capability
from workers import findings, startup
from workers.hardware.errors import MachineUnsupported
from workers.preflight import PreflightFailed
from workers.preflight.diagnose import Diagnosis
from workers.startup import _refuse_what_cannot_work, prepare_worker, thread_environment

MEASURED = capability("3g", slots=2, threads=4)
DIAGNOSIS = Diagnosis("crash", "seen.", "why.", "do this.")


@pytest.fixture
def machine(monkeypatch):
    """A machine that was measured and proved, so that only what startup makes of it is tested."""
    monkeypatch.setattr(startup, "read_machine", lambda: None)
    monkeypatch.setattr(startup, "measure", lambda _files, _caps: MEASURED)
    monkeypatch.setattr(startup, "warnings", lambda _files, _capability: ["Slots are many."])
    monkeypatch.setattr(startup, "run_preflight", lambda _capability, _timeout: {"tensorflow": "2.21.0"})
    monkeypatch.setattr(findings, "_findings", None)
    monkeypatch.setenv("VEDETTE_IMAGE_ROOTS", "/images")
    for name in thread_environment(MEASURED.threads):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


class Conf(dict):
    """As Celery's settings: keys are attributes too."""

    def __setattr__(self, name, value):
        self[name] = value


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"pool": SoloPool}, ["--pool", "prefork"]),
        ({"pool": "threads"}, ["--pool", "prefork"]),
        ({"autoscale": (4, 1)}, ["--autoscale", "--slots"]),
        ({"queues": "x"}, ["-Q", "--memory"]),
        ({"queues": ["x"]}, ["-Q"]),
    ],
    ids=["solo", "threads", "autoscale", "queues", "queue list"],
)
def test_options_that_cannot_work_here_are_refused_with_what_to_do(options, names):
    with pytest.raises(SettingsError) as refused:
        _refuse_what_cannot_work({"pool": TaskPool, **options})

    assert all(name in str(refused.value) for name in names)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pool": TaskPool},
        {"pool": "prefork"},
        {"pool": None, "queues": None, "autoscale": None},
        {"queues": ""},
        {"queues": []},
    ],
)
def test_what_celery_passes_by_default_is_fine(options):
    _refuse_what_cannot_work(options)


@pytest.mark.usefixtures("machine")
def test_findings_are_kept_for_the_bootsteps_and_the_slots(capsys):
    conf, options = Conf(), {}

    prepare_worker(conf, options)

    found = findings.findings()
    assert (found.capability, found.versions) == (MEASURED, {"tensorflow": "2.21.0"})
    assert found.boxes.is_dir()
    assert conf["worker_concurrency"] == options["concurrency"] == 2
    assert conf["broker_transport"] == "workers.transport:Transport"
    assert capsys.readouterr().err == "warning: Slots are many.\n"


def test_a_worker_for_which_no_directory_is_open_says_so(machine, capsys):
    machine.delenv("VEDETTE_IMAGE_ROOTS")

    prepare_worker(Conf(), {})

    assert "image_forbidden" in capsys.readouterr().err.split("VEDETTE_IMAGE_ROOTS")[0]


@pytest.mark.usefixtures("machine")
def test_slots_see_that_the_worker_leaves():
    prepare_worker(Conf(), {})
    assert not findings.findings().leaving

    startup.begin_to_leave()

    assert findings.findings().leaving


@pytest.mark.usefixtures("machine")
def test_threads_are_set_before_anything_that_reads_them_is_imported():
    prepare_worker(Conf(), {})

    assert startup.os.environ["TF_NUM_INTRAOP_THREADS"] == "4"
    assert startup.os.environ["OMP_NUM_THREADS"] == "4"
    assert startup.os.environ["TF_NUM_INTEROP_THREADS"] == "1"


@pytest.mark.parametrize(
    ("where", "error", "code"),
    [
        ("measure", SettingsError("--memory 900.0 GiB: this machine has 15.6 GiB"), 2),
        ("measure", MachineUnsupported("This machine has too little memory"), 1),
        ("run_preflight", PreflightFailed(DIAGNOSIS), 1),
    ],
    ids=["cap", "machine", "preflight"],
)
def test_a_start_that_fails_says_why_in_plain_words_and_exits(machine, capsys, where, error, code):
    def fail(*_):
        raise error

    machine.setattr(startup, where, fail)
    conf = Conf()

    with pytest.raises(SystemExit) as ended:
        prepare_worker(conf, {})

    assert ended.value.code == code
    assert capsys.readouterr().err.endswith(f"error: {error}\n")
    with pytest.raises(RuntimeError):
        findings.findings()


def test_a_wrong_setting_is_named(machine, capsys):
    machine.setenv("VEDETTE_LEASE", "soon")

    with pytest.raises(SystemExit) as ended:
        prepare_worker(Conf(), {})

    assert ended.value.code == 2
    assert "VEDETTE_LEASE=soon" in capsys.readouterr().err
