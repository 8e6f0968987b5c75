import pytest

from contract.memory import GIB, MIB, TIERS_BYTES, format_bytes, parse_bytes, parse_tier, tier_for, tier_name


def test_tiers_double_from_512_mib_to_128_gib():
    names = [tier_name(tier_bytes) for tier_bytes in TIERS_BYTES]

    assert names == ["512m", "1g", "2g", "4g", "8g", "16g", "32g", "64g", "128g"]
    assert [parse_tier(name) for name in names] == list(TIERS_BYTES)
    assert TIERS_BYTES[0] == 512 * MIB
    assert TIERS_BYTES[-1] == 128 * GIB


@pytest.mark.parametrize("name", ["3g", "1024m", "1G", "256g", "g", "1", "", "0.5g", " 1g"])
def test_what_is_no_tier_is_refused_with_the_tiers_there_are(name):
    with pytest.raises(ValueError, match=r"no memory tier; tiers are 512m, 1g, .*128g"):
        parse_tier(name)


@pytest.mark.parametrize(
    ("memory_bytes", "tier"),
    [
        (1, "512m"),
        (512 * MIB, "512m"),
        (512 * MIB + 1, "1g"),
        (GIB, "1g"),
        (GIB + 1, "2g"),
        (5 * GIB, "8g"),
        (128 * GIB, "128g"),
    ],
)
def test_a_tier_holds_its_own_size_and_not_a_byte_more(memory_bytes, tier):
    assert tier_name(tier_for(memory_bytes)) == tier


def test_more_than_the_largest_tier_is_refused():
    with pytest.raises(ValueError, match=r"128\.1 GiB is more than the largest memory tier, 128g"):
        tier_for(round(128.1 * GIB))


@pytest.mark.parametrize(
    ("text", "amount_bytes"),
    [
        ("2147483648", 2 * GIB),
        ("512m", 512 * MIB),
        ("512M", 512 * MIB),
        ("512MiB", 512 * MIB),
        ("512 MB", 512 * MIB),  # as in Docker: powers of 1024, whatever the letters
        ("1.5g", 1536 * MIB),
        (" 4GiB ", 4 * GIB),
        ("1t", 1024 * GIB),
        ("64k", 64 * 1024),
        ("1b", 1),
    ],
)
def test_amounts_as_people_write_them(text, amount_bytes):
    assert parse_bytes(text) == amount_bytes


@pytest.mark.parametrize("text", ["", "g", "-1g", "1,5g", "1e9", "0", "0.0g", "0.4", "1gg", "1 p", "inf", "nan", "4x"])
def test_what_is_no_amount_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"no amount of memory; write for example 512m, 1\.5g or 4GiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("amount_bytes", "text"),
    [
        (0, "0 MiB"),
        (12 * 1024, "12 KiB"),
        (320 * MIB, "320 MiB"),
        (GIB - 1, "1024 MiB"),
        (GIB, "1.0 GiB"),
        (round(1.94 * GIB), "1.9 GiB"),
    ],
)
def test_amounts_as_people_read_them(amount_bytes, text):
    assert format_bytes(amount_bytes) == text
