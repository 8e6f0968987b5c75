import pytest

from contract.sentinel_url import SentinelAddress, is_sentinel_url, kombu_url, parse_sentinel_url

ONE = (("one", 26379),)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis+sentinel://one/mymaster", SentinelAddress(ONE, "mymaster")),
        ("redis+sentinel://one:26379/mymaster/0", SentinelAddress(ONE, "mymaster")),
        ("redis+sentinel://one/mymaster/", SentinelAddress(ONE, "mymaster")),
        ("REDIS+SENTINEL://one/mymaster", SentinelAddress(ONE, "mymaster")),
        (
            "redis+sentinel://one:1,two,[::1]:3,[fe80::2]/mymaster/2",
            SentinelAddress((("one", 1), ("two", 26379), ("::1", 3), ("fe80::2", 26379)), "mymaster", 2),
        ),
        (
            "redis+sentinel://user:pa%40ss%3A@one/mymaster",
            SentinelAddress(ONE, "mymaster", username="user", password="pa@ss:"),
        ),
        ("redis+sentinel://:secret@one/mymaster", SentinelAddress(ONE, "mymaster", password="secret")),
        ("redis+sentinel://user@one/mymaster", SentinelAddress(ONE, "mymaster", username="user")),
        (
            "redis+sentinel://one/mymaster?sentinel_username=watch&sentinel_password=h%26sh&replicas=2",
            SentinelAddress(ONE, "mymaster", sentinel_username="watch", sentinel_password="h&sh", replicas=2),
        ),
        ("redis+sentinel://one/mymaster/1?replicas=0", SentinelAddress(ONE, "mymaster", 1, replicas=0)),
        ("rediss+sentinel://one/mymaster", SentinelAddress(ONE, "mymaster", tls={"ssl_cert_reqs": "required"})),
        (
            "rediss+sentinel://one/mymaster?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=none&ssl_check_hostname=false",
            SentinelAddress(
                ONE,
                "mymaster",
                tls={"ssl_cert_reqs": "none", "ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False},
            ),
        ),
    ],
)
def test_one_url_says_everything(url, address):
    assert is_sentinel_url(url)
    assert parse_sentinel_url(url) == address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://one:26379", "it names no service"),
        ("redis+sentinel://one:26379/", "it names no service"),
        ("redis+sentinel:///mymaster", "'' is no host:port of a Sentinel"),
        ("redis+sentinel://one,,two/mymaster", "'' is no host:port of a Sentinel"),
        ("redis+sentinel://one:http/mymaster", "port is 'http', which is no number"),
        ("redis+sentinel://one:0/mymaster", "port 0 of 'one:0' does not exist"),
        ("redis+sentinel://one:70000/mymaster", "port 70000 of 'one:70000' does not exist"),
        ("redis+sentinel://::1/mymaster", "'::1' is no host:port of a Sentinel"),
        ("redis+sentinel://[::1/mymaster", "'[::1' is no host:port of a Sentinel"),
        ("redis+sentinel://one/mymaster/first", "db is 'first', which is no number"),
        (
            "redis+sentinel://one/mymaster?sentinel_pasword=x",
            "the option 'sentinel_pasword' is not known; expected rep",
        ),
        ("redis+sentinel://one/mymaster?ssl_ca_certs=/ca", "'ssl_ca_certs' is not known; expected replicas, sentinel_"),
        ("redis+sentinel://one/mymaster?ssl_ca_certs=/ca", "and rediss+sentinel:// for ssl_…"),
        ("redis+sentinel://one/mymaster?replicas=-1", "replicas is '-1', which is no number"),
    ],
)
def test_a_bad_one_says_what_was_expected(url, expected):
    with pytest.raises(ValueError, match="expected ") as refused:
        parse_sentinel_url(url)

    assert expected in str(refused.value)


@pytest.mark.parametrize("url", ["redis://one:26379/0", "rediss://one", "sentinel://one", "unix:///run/redis.sock", ""])
def test_other_addresses_are_none(url):
    assert not is_sentinel_url(url)


@pytest.mark.parametrize("userinfo", ["user:se/cret@", "user:se?cret@", "user:secret/x?y@", ":secret/@"])
def test_a_password_that_is_not_percent_encoded_is_not_shown(userinfo):
    with pytest.raises(ValueError, match="expected ") as refused:
        parse_sentinel_url(f"redis+sentinel://{userinfo}one/mymaster")

    assert "cret" not in str(refused.value)


def test_its_text_shows_no_password():
    address = parse_sentinel_url("redis+sentinel://user:secret@one/mymaster?sentinel_password=hush")

    assert "user" in repr(address)
    assert "secret" not in repr(address)
    assert "hush" not in repr(address)


@pytest.mark.parametrize(
    ("url", "kombus"),
    [
        ("redis+sentinel://one,two/mymaster", "sentinel://one:26379/0"),
        ("redis+sentinel://user:p%2Fw@[::1]:1/mymaster/3", "sentinel://user:p%2Fw@[::1]:1/3"),
        ("redis+sentinel://:p@one/mymaster", "sentinel://:p@one:26379/0"),
    ],
)
def test_celery_is_told_the_first_one_in_its_own_spelling(url, kombus):
    assert kombu_url(parse_sentinel_url(url)) == kombus
