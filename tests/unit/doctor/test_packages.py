"""Which installed versions do not go together, and the command that repairs it."""

import pytest
from packaging.specifiers import SpecifierSet

from workers.doctor.facts import Package
from workers.doctor.finding import Finding
from workers.doctor.packages import package_findings, tightest

VEDETTE = Package(
    "vedette",
    "0.1.0",
    (
        "celery>=5.7",
        "tensorflow>=2.21; extra == 'worker'",
        "numpy>=2.0; extra == 'worker'",
        "flower>=2.0; extra == 'monitor'",
    ),
)
TENSORFLOW = Package(
    "tensorflow",
    "2.21.0",
    (
        "numpy>=1.26.0",
        "protobuf<8.0.0,>=6.31.1",
        "ml_dtypes<1.0.0,>=0.5.1",
        "nvidia-cublas-cu12<13; extra == 'and-cuda'",
        "tensorflow-io-gcs-filesystem; sys_platform == 'win32'",
    ),
)
GOOD = {
    "vedette": VEDETTE,
    "tensorflow": TENSORFLOW,
    "celery": Package("celery", "5.7.0"),
    "numpy": Package("numpy", "2.4.6"),
    "protobuf": Package("protobuf", "7.36.2"),
    "ml-dtypes": Package("ml_dtypes", "0.6.0"),
}


def told(**changed: Package | None) -> list[Finding]:
    packages = {**GOOD, **{name.replace("_", "-"): package for name, package in changed.items()}}
    return package_findings({name: package for name, package in packages.items() if package is not None})


def test_what_goes_together_is_one_fact() -> None:
    (found,) = told(unrelated=Package("unrelated", "1.0", ("numpy<1",)))  # nobody here needs it
    assert (found.code, found.level) == ("packages_fit", "ok")
    assert found.seen == (
        "5 packages go together: tensorflow 2.21.0, numpy 2.4.6, protobuf 7.36.2, ml-dtypes 0.6.0, celery 5.7.0"
    )


def test_a_numpy_that_does_not_fit() -> None:
    (found,) = told(numpy=Package("numpy", "1.23.5"))
    assert (found.code, found.level) == ("package_misfit", "problem")
    assert found.seen == "numpy 1.23.5 does not go with the others."
    assert found.why.startswith("vedette 0.1.0 needs >=2.0; tensorflow 2.21.0 needs >=1.26.0.")
    assert found.remedy == "pip install 'numpy>=2.0'"


@pytest.mark.parametrize(
    ("name", "version", "remedy"),
    [
        ("protobuf", "3.20.3", "pip install 'protobuf>=6.31.1,<8.0.0'"),
        ("protobuf", "8.0.0", "pip install 'protobuf>=6.31.1,<8.0.0'"),
        ("ml_dtypes", "0.4.1", "pip install 'ml-dtypes>=0.5.1,<1.0.0'"),
        ("tensorflow", "2.15.0", "pip install 'tensorflow>=2.21'"),
        ("celery", "5.3.6", "pip install 'celery>=5.7'"),
    ],
)
def test_others_that_do_not_fit(name: str, version: str, remedy: str) -> None:
    (found,) = told(**{name: Package(name, version, GOOD[name.replace("_", "-")].requires)})
    assert found.numbers["version"] == version
    assert found.remedy == remedy


def test_one_that_is_absent() -> None:
    (found,) = told(ml_dtypes=None)
    assert found.code == "package_absent"
    assert found.why == "tensorflow 2.21.0 needs <1.0.0,>=0.5.1."


def test_a_checkout_that_was_never_installed_is_judged_by_what_tensorflow_needs() -> None:
    (found,) = told(vedette=None, numpy=Package("numpy", "1.23.5"))
    assert found.why.startswith("tensorflow 2.21.0 needs >=1.26.0.")


def test_a_nightly_is_a_version_too() -> None:
    (found,) = told(tensorflow=Package("tensorflow", "2.22.0.dev20260101", TENSORFLOW.requires))
    assert found.level == "ok"


def test_without_tensorflow_a_producers_packages_are_enough() -> None:
    (found,) = package_findings({name: GOOD[name] for name in ("vedette", "celery")})
    assert found.seen == "1 package goes together: celery 5.7.0"


@pytest.mark.parametrize("package", [Package("numpy", "unknown"), Package("numpy", "2.4.6", ("no (requirement",))])
def test_metadata_that_cannot_be_read_is_no_complaint(package: Package) -> None:
    (found,) = told(numpy=package)
    assert found.level == "ok"


@pytest.mark.parametrize(
    ("specifiers", "expected"),
    [
        (">=1.19.3,>=2.0,>=1.26", [">=2.0"]),
        (">=0.5,<2,<1.0,!=0.7", [">=0.5", "<1.0", "!=0.7"]),
        ("~=2.1", ["~=2.1"]),
        ("", []),
    ],
)
def test_what_the_command_names(specifiers: str, expected: list[str]) -> None:
    assert tightest([*SpecifierSet(specifiers)]) == expected
