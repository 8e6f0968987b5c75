"""Which requests a page of somebody else has made a browser send."""

import pytest
from starlette.datastructures import Headers

from producer.gateway.other_sites import is_for_another_host, is_of_another_site


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        # No browser
        ("POST", {}, False),
        ("DELETE", {"host": "localhost:8080"}, False),
        # A browser that says where it comes from
        ("POST", {"sec-fetch-site": "cross-site"}, True),
        ("DELETE", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, True),
        ("POST", {"sec-fetch-site": "of tomorrow"}, True),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        # A proxy before us may have another name than the one that the browser knows
        ("POST", {"sec-fetch-site": "same-origin", "origin": "https://v.example", "host": "inside:8080"}, False),
        # What changes nothing: links to the pages of the gateway work from everywhere
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("HEAD", {"sec-fetch-site": "cross-site"}, False),
        # A browser of before, or one that reaches the gateway by plain HTTP on another machine
        ("POST", {"origin": "https://evil.example", "host": "localhost:8080"}, True),
        ("POST", {"origin": "http://localhost:3000", "host": "localhost:8080"}, True),
        ("POST", {"origin": "null", "host": "localhost:8080"}, True),
        ("POST", {"origin": "http://[", "host": "localhost:8080"}, True),
        ("POST", {"origin": "", "host": ""}, True),
        ("POST", {"origin": "http://Localhost:8080", "host": "localhost:8080"}, False),
    ],
)
def test_who_asks(method: str, headers: dict[str, str], expected: bool) -> None:
    assert is_of_another_site(method, Headers(headers)) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, False),
        ("localhost", False),
        ("Localhost:8080", False),
        ("vedette.localhost:8080", False),
        ("127.0.0.1:8080", False),
        ("127.8.0.1", False),
        ("[::1]:8080", False),
        ("evil.example:8080", True),
        ("localhost.evil.example", True),
        ("10.0.0.7:8080", True),
        ("127.0.0.1.evil.example", True),
        ("user@evil.example", True),
        ("", True),
        ("[", True),
    ],
)
def test_which_host_is_this_machine(host: str | None, expected: bool) -> None:
    assert is_for_another_host(Headers({} if host is None else {"host": host})) is expected
