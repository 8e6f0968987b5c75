"""vedette.profile_table: batch × memory × images/s, and who runs a model at which batch."""

from contract.memory import MIB
from tests.support.builders import advert, spec
from vedette.profile_table import fleet_lines, profile_caption, profile_table, reference_megapixels
from vedette.tables import print_table


def point(batch, megapixels=0.995, threads=2, images_per_s=50.0, peak_mib=300):
    return {
        "batch": batch,
        "threads": threads,
        "megapixels": megapixels,
        "images_per_s": images_per_s,
        "peak_bytes": peak_mib * MIB,
    }


MEASURED = spec(
    base="300m",
    per_image="20m",
    throughput={"default_batch": 4, "images_per_s": {"1": 50.0, "4": 87.25, "16": 88.0}},
    profile=[
        point(1),
        point(1, megapixels=4.0, peak_mib=500),
        point(4, peak_mib=370),
        point(4, threads=1, peak_mib=999),
    ],
)


def shown(capsys, model) -> list[list[str]]:
    print_table(profile_table(model))
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_a_row_per_batch(capsys) -> None:
    assert shown(capsys, MEASURED) == [
        ["batch", "memory", "measured", "images/s"],
        ["1", "320", "MiB", "300", "MiB", "50"],
        ["4*", "380", "MiB", "370", "MiB", "87.2"],
        ["16", "620", "MiB", "88"],
    ]


def test_a_model_without_a_profile_shows_what_it_has(capsys) -> None:
    assert shown(capsys, spec(base="300m", per_image="20m"))[1:] == [["8*", "460", "MiB"]]


def test_batches_are_compared_at_the_size_that_most_were_measured_at() -> None:
    assert reference_megapixels(MEASURED) == 0.995
    assert reference_megapixels(spec(megapixels=0.3)) == 0.3
    assert reference_megapixels(spec(megapixels=24.0)) == 1.0


def test_the_caption_says_of_what_and_where() -> None:
    memory = {"fit_error": 0.0489, "measured": {"machine": "AMD EPYC, 2 cores", "date": "2026-11-24", "command": "x"}}
    known = MEASURED.model_copy(update={"memory": MEASURED.memory.model_copy(update=memory)})

    assert profile_caption(known) == (
        "images of 1.0 megapixels, 2 threads; fit within 5 %; AMD EPYC, 2 cores, 2026-11-24".replace(" %", "%")
    )
    assert profile_caption(spec()) == "images of 1.0 megapixels"


def test_who_runs_it_at_which_batch() -> None:
    # Given 300 MiB and 20 an image, which is the tier 512m
    queue = "detect.any.512m"
    fleet = [
        advert("large@yard", memory="64g"),
        advert("small@yard", memory="1g"),
        advert("tiny@yard", memory="256m"),
        advert("sick@yard").model_copy(update={"withdrawn": {queue: "it crashed here"}}),
    ]

    assert fleet_lines(MEASURED, fleet) == [
        "large@yard  any batch",
        "small@yard  batches up to 29",
        "tiny@yard   cannot: 512 MiB of memory per slot (has 256 MiB)",
        "sick@yard   has withdrawn: it crashed here",
    ]


def test_images_of_the_usual_size_may_be_too_large() -> None:
    # Given a model that is meant for small images, and was profiled with them
    small = spec(base="300m", per_image="1m", per_megapixel_bytes=400 * MIB, megapixels=0.1, profile=[point(1)])

    assert fleet_lines(small, [advert("small@yard", memory="512m")]) == ["small@yard  not at that size of image"]
