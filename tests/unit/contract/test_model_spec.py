from pathlib import Path

import pytest

from contract.capability import Requirement
from contract.errors import ModelBroken
from contract.memory import GIB, MIB
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from contract.queues import queue_name
from tests.support.builders import DIGEST, spec

GOOD = f"""
schema = 1
name = "defects-small"
version = "1"
digest = "{DIGEST}"
description = "Surface defects on metal plates"

[labels]
1 = "scratch"
2 = "dent"

[signature]
batch = "dynamic"
resizes_to_px = 320

[requirement]
cpu = "any"
image_megapixels = 2.0

[memory]
base_bytes = 314572800
per_image_bytes = 20971520
measured = {{ command = "vedette models measure", machine = "x86_64_v3, 2 threads" }}

[throughput]
default_batch = 16
images_per_s = {{ x86_64_v3 = 12.5 }}

[accuracy]
map_50 = 0.91
"""


def write(directory: Path, text: str) -> Path:
    path = directory / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_whole(tmp_path):
    read = read_spec(write(tmp_path, GOOD))

    assert read.ref == "defects-small@1"
    assert read.labels == {"1": "scratch", "2": "dent"}
    assert read.signature.key == "serving_default"
    assert read.signature.resizes_to_px == 320
    assert read.memory.measured["command"] == "vedette models measure"
    assert read.throughput.default_batch == 16
    assert read.throughput.images_per_s == {"x86_64_v3": 12.5}
    assert read.accuracy == {"map_50": 0.91}


def test_a_spec_survives_the_journey_through_redis(tmp_path):
    read = read_spec(write(tmp_path, GOOD))

    assert ModelSpec.model_validate_json(read.model_dump_json(by_alias=True)) == read


@pytest.mark.parametrize(
    ("good", "bad", "flaw"),
    [
        ("schema = 1", "schema = 2", "schema: Input should be 1"),
        ("schema = 1\n", "", "schema: Field required"),
        ('name = "defects-small"', 'name = "Defects Small"', "name: String should match"),
        ('name = "defects-small"', 'name = "a@b"', "name: String should match"),
        ('version = "1"', "version = 1", "version: Input should be a valid string"),
        ('version = "1"', 'version = "1@2"', "version: String should match"),
        (DIGEST, "sha256:123", "digest: String should match"),
        ('1 = "scratch"', "1 = 5", "labels.1: Input should be a valid string"),
        ('batch = "dynamic"', 'batch = "some"', "Input should be 'dynamic' or 'one'"),
        ("resizes_to_px = 320", "resizes_to_px = -1", "signature.resizes_to_px: "),
        ("resizes_to_px = 320", "std = [1, 0, 1]", "signature.std.1: Input should be greater than 0"),
        ("[requirement]", '[outputs]\nkind = "mask"\n[requirement]', "outputs: Input tag 'mask' found"),
        ("[requirement]", "[outputs]\nkind = 'boxes'\nbatched = false\n[requirement]", "needs signature.batch"),
        (
            "[requirement]",
            "[outputs]\nkind = 'rows'\ntensor = 'd'\ncolumns = ['box0', 'box1', 'score']\n[requirement]",
            "columns must hold each of box2, box3 once",
        ),
        (
            "[requirement]",
            "[outputs]\nkind = 'anchors'\nregression = 'r'\nlogits = 'l'\nmin_level = 9\n[requirement]",
            "min_level 9 is above max_level 7",
        ),
        ('cpu = "any"', 'cpu = "avx2"', "requirement.cpu: Value error, 'avx2' is no CPU level"),
        ('cpu = "any"', 'features = ["AVX-512"]', "requirement.features.0: String should match"),
        ("image_megapixels = 2.0", "image_megapixels = 0", "requirement.image_megapixels: "),
        ("base_bytes = 314572800", "base_bytes = 0", "memory.base_bytes: Input should be greater than 0"),
        ("base_bytes = 314572800", "base_bytes = 999999999999", "memory.base_bytes: Value error, 931.3 GiB is more"),
        ("base_bytes = 314572800\n", "", "memory.base_bytes: Field required"),
        ("per_image_bytes = 20971520", "per_image_bytes = -1", "memory.per_image_bytes: "),
        # Each part is fine, but one image of the size it is meant for fits nowhere.
        ("per_image_bytes = 20971520", "per_image_bytes = 999999999999", "is more than the largest memory tier, 128g"),
        ("default_batch = 16", "default_batch = 0", "throughput.default_batch: "),
        ("[accuracy]", "[acuracy]", "acuracy: Extra inputs are not permitted"),
        ("schema = 1", "schema == 1", "not valid TOML"),
        ('name = "defects-small"', "", "name: Field required"),
    ],
)
def test_a_flaw_is_named_with_its_file_and_field(tmp_path, good, bad, flaw):
    assert good in GOOD
    path = write(tmp_path, GOOD.replace(good, bad))

    with pytest.raises(ModelBroken) as broken:
        read_spec(path)

    assert str(broken.value).startswith(f"{path}: ")
    assert flaw in str(broken.value)
    assert broken.value.code == "model_broken"


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(ModelBroken, match=r"model\.toml: cannot be read: No such file or directory"):
        read_spec(tmp_path / FILE_NAME)

    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(ModelBroken, match=r"model\.toml: not valid TOML"):
        read_spec(tmp_path / FILE_NAME)


@pytest.mark.parametrize(
    ("images", "megapixels", "mebibytes"),
    [(0, 1, 100), (1, 0, 110), (1, 1, 114), (8, 1, 212), (8, 2.5, 260)],
)
def test_a_prediction_is_base_and_cost_per_image_and_megapixel(images, megapixels, mebibytes):
    memory = spec(base="100m", per_image="10m", per_megapixel_bytes=4 * MIB).memory

    assert memory.predict(images, megapixels) == mebibytes * MIB


@pytest.mark.parametrize(
    ("fields", "queue"),
    [
        ({}, "detect.any.512m"),
        # 1.15 × (425 + 20) MiB is 511.75 MiB; 1.15 × (426 + 20) MiB is 512.9 MiB: the margin counts.
        ({"base": "425m"}, "detect.any.512m"),
        ({"base": "426m"}, "detect.any.1g"),
        # 1.15 × (300 + 20 + 12 × 50) MiB = 1058 MiB: the size of image it is meant for counts.
        ({"per_megapixel_bytes": 50 * MIB, "megapixels": 12.0}, "detect.any.2g"),
        ({"cpu": "x86_64_v3", "features": ["avx512_vnni", "amx_bf16"]}, "detect.x86_64_v3.512m+amx_bf16+avx512_vnni"),
    ],
)
def test_what_a_model_needs_spells_its_queue(fields, queue):
    assert queue_name(spec(**fields).needs) == queue


def test_a_signature_of_a_fixed_number_is_filled_up_to_it():
    four = spec(base="300m", per_image="100m", signature={"batch": 4})

    # 1.15 × (300 + 4 × 100) MiB
    assert queue_name(four.needs) == "detect.any.1g"


def test_needs_are_for_one_image():
    assert spec(base="1g", per_image="1g").needs == Requirement(memory_bytes=4 * GIB)
