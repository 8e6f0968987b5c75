"""What the benchmark of Vedette's own cost makes of its numbers."""

from benchmarks.overhead import (
    BYTES,
    IMAGES_PER_S,
    LATENCY_MS,
    REFERENCES_PER_S,
    STATUS_US,
    SUBMIT_US,
    claims,
    grown,
    references,
)


def figures(submit_us: float, status_us: float) -> dict[tuple[str, int], list[float]]:
    return {
        (SUBMIT_US, 1000): [40.0, 50.0, 900.0],
        (STATUS_US, 1000): [200.0],
        (SUBMIT_US, 100_000): [submit_us],
        (STATUS_US, 100_000): [status_us],
        (LATENCY_MS, 0): [5.0],
        (IMAGES_PER_S, 0): [1990.0],
        (REFERENCES_PER_S, 1000): [9000.0],
        (REFERENCES_PER_S, 100_000): [28_000.0],
        (BYTES, 1000): [310.0],
        (BYTES, 100_000): [280.0],
    }


def test_a_fifth_more_is_flat_and_what_is_more_is_told() -> None:
    assert grown(figures(60, 240)) == []
    assert grown(figures(20, 241)) == ["status(), µs: 200 at 1,000 queued images, 241 at 100,000"]
    assert [told.split(":")[0] for told in grown(figures(61, 300))] == [SUBMIT_US, STATUS_US]


def test_what_was_promised_is_looked_at_where_most_is_queued() -> None:
    told = claims(figures(submit_us=60, status_us=300))

    assert [(claim.measured, claim.met) for claim in told] == [
        (5, True),
        (1990, False),
        (28_000, True),
        (280, True),
        (1.2, True),
        (1.5, False),
    ]


def test_references_are_all_as_long_as_the_text_says() -> None:
    assert {len(reference) for reference in references(1000)} == {46}
