from itertools import product

import archspec.cpu
import pytest

from contract.capability import ANY_CPU, Requirement
from contract.errors import QueueNameError
from contract.memory import TIERS_BYTES, parse_bytes
from contract.queues import is_queue, queue_name, requirement_of, serveable
from tests.support.builders import capability


@pytest.mark.parametrize(
    ("name", "level", "memory", "features"),
    [
        ("detect.any.512m", "any", "512m", []),
        ("detect.x86_64_v3.4g", "x86_64_v3", "4g", []),
        ("detect.armv8.2a.1g", "armv8.2a", "1g", []),  # the level has a dot of its own
        ("detect.x86_64_v4.8g+avx512_vnni", "x86_64_v4", "8g", ["avx512_vnni"]),
        ("detect.any.128g+amx_bf16+avx512_vnni", "any", "128g", ["avx512_vnni", "amx_bf16"]),
    ],
)
def test_a_requirement_spells_one_name_and_back(name, level, memory, features):
    requirement = Requirement(cpu_level=level, memory_bytes=parse_bytes(memory), cpu_features=frozenset(features))

    assert queue_name(requirement) == name
    assert requirement_of(name) == requirement


def test_every_level_and_tier_survives_the_round_trip():
    features = [frozenset(), frozenset({"avx512_vnni"}), frozenset({"z", "a_1"})]
    requirements = [
        Requirement(cpu_level=level, memory_bytes=tier_bytes, cpu_features=extra)
        for level, tier_bytes, extra in product([ANY_CPU, *archspec.cpu.TARGETS], TIERS_BYTES, features)
    ]

    names = [queue_name(requirement) for requirement in requirements]

    assert [requirement_of(name) for name in names] == requirements
    assert len(set(names)) == len(requirements)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("celery", r"'celery' is no queue of Vedette; one looks like detect\.x86_64_v3\.4g"),
        ("", r"'' is no queue"),
        ("detect.any", r"is no queue"),
        ("detect.4g", r"is no queue"),
        ("Detect.any.1g", r"is no queue"),
        ("detect.any.1g+", r"is no queue"),
        ("detect.any.1g+AVX2", r"is no queue"),
        ("detect.any.1g\x06\x163", r"is no queue"),  # what Celery makes of message priorities
        ("detect.any.3g", r"'3g' is no memory tier"),
        ("detect.any.1024m", r"'1024m' is no memory tier"),
        ("detect.x86_64_v9.1g", r"'x86_64_v9' is no CPU level"),
        # One requirement has one name, or two workers would wait at two doors for the same model.
        ("detect.any.1g\n", r"spelled 'detect\.any\.1g'"),
        ("detect.any.1g+b+a", r"spelled 'detect\.any\.1g\+a\+b'"),
        ("detect.any.1g+a+a", r"spelled 'detect\.any\.1g\+a'"),
    ],
)
def test_any_other_name_is_refused_with_the_reason(name, reason):
    with pytest.raises(QueueNameError, match=reason) as refused:
        requirement_of(name)

    assert not is_queue(name)
    assert refused.value.code == "queue_name"
    assert "Value error" not in str(refused.value)


def test_a_worker_serves_what_it_satisfies_the_most_demanding_first():
    # Given queues in no order, some beyond the machine and one of somebody else
    queues = [
        "detect.any.512m",
        "detect.any.4g",
        "celery",
        "detect.x86_64_v3.4g+avx512_vnni",
        "detect.any.8g",
        "detect.x86_64_v3.4g",
        "detect.x86_64_v4.1g",
        "detect.x86_64_v2.4g",
        "detect.neoverse_n1.1g",
        "detect.any.2g",
    ]

    # When a 4 GiB machine with AVX2 looks at them
    served = serveable(queues, capability("4g", "x86_64_v3"))

    # Then bigger tiers come first, and what asks for a CPU before what asks for none
    assert served == [
        "detect.x86_64_v2.4g",
        "detect.x86_64_v3.4g",
        "detect.any.4g",
        "detect.any.2g",
        "detect.any.512m",
    ]


def test_queues_with_extra_features_come_before_those_without():
    queues = ["detect.x86_64_v3.1g", "detect.any.1g+avx512_vnni", "detect.any.2g"]

    served = serveable(queues, capability("2g", cpu_features=["avx512_vnni"]))

    assert served == ["detect.any.2g", "detect.any.1g+avx512_vnni", "detect.x86_64_v3.1g"]


def test_the_order_does_not_depend_on_the_order_in_redis():
    queues = [f"detect.{level}.{tier}" for level in ("any", "x86_64_v2", "x86_64_v3") for tier in ("512m", "1g", "2g")]
    has = capability("2g")

    assert serveable(queues, has) == serveable(reversed(queues), has)
    assert len(serveable(queues, has)) == 9
