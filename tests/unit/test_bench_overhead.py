"""What the benchmark of Vedette's own cost makes of its numbers."""

from benchmarks.overhead import STATUS_US, SUBMIT_US, grown, references


def figures(submit_us: float, status_us: float) -> dict[tuple[str, int], list[float]]:
    return {
        (SUBMIT_US, 1000): [40.0, 50.0, 900.0],
        (STATUS_US, 1000): [200.0],
        (SUBMIT_US, 100_000): [submit_us],
        (STATUS_US, 100_000): [status_us],
        ("submit to result, p50, ms", 0): [5.0],
    }


def test_a_fifth_more_is_flat_and_what_is_more_is_told() -> None:
    assert grown(figures(60, 240)) == []
    assert grown(figures(20, 241)) == ["status(), µs: 200 at 1,000 queued images, 241 at 100,000"]
    assert [told.split(":")[0] for told in grown(figures(61, 300))] == [SUBMIT_US, STATUS_US]


def test_references_are_all_as_long_as_the_text_says() -> None:
    assert {len(reference) for reference in references(1000)} == {46}
