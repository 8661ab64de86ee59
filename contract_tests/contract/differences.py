"""Where the four witnesses are known to disagree, and why. Nothing else may differ.

`test_witnesses.py` fails on a difference that does not stand here, and on an entry that no longer differs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from contract_tests.conftest import published_example

WITNESSES = ("client", "jsonschema", "simulator", "prism")
_NO_SCHEME_BUT_HTTP = (
    "The contract asks for any URI. The service can only call http and https, so the client is stricter on "
    "purpose: a task whose end is never reported is paid all the same."
)


class Difference(NamedTuple):
    """One body that the witnesses do not judge alike.

    Attributes:
        change: What is changed in the published example.
        refusing: Who refuses it; the others accept it.
        reason: Why that is so, and is left so.
    """

    change: dict[str, Any]
    refusing: tuple[str, ...]
    reason: str

    def body(self) -> dict[str, Any]:
        """The body."""
        return {**without_callback(), **self.change}


def without_callback() -> dict[str, Any]:
    """The published example, which nobody is called back for."""
    return {name: value for name, value in published_example().items() if name != "callBackUrl"}


def _uri(uri: str, refusing: tuple[str, ...], reason: str) -> Difference:
    return Difference({"callBackUrl": uri}, refusing, reason)


DIFFERENCES = (
    *(
        _uri(uri, ("client",), _NO_SCHEME_BUT_HTTP)
        for uri in (
            "ftp://127.0.0.1:9/x",
            "file:///etc/passwd",
            "mailto:a@127.0.0.1",
            "javascript:alert(1)",
            "data:,x",
            "ws://127.0.0.1:9/",
            "http://",
            "http:///x",
            "http://:9/",
        )
    ),
    _uri(
        "http://127.0.0.1:99999/",
        ("client",),
        "Ports end at 65535, so that nobody can be called there; the client is stricter on purpose.",
    ),
    _uri("http:", ("client", "prism"), "RFC 3986 allows an empty path; Prism's ajv does not."),
    _uri("a:", ("client", "prism"), "The same with another scheme."),
    _uri(
        "http://127.0.0.1:x/",
        ("client", "jsonschema", "simulator"),
        "A port has to be a number; Prism's ajv takes what stands there for a part of the path.",
    ),
    _uri(
        "http://127.0.0.1:9/\n",
        ("client", "simulator", "prism"),
        "rfc3986-validator, which jsonschema asks, ends its pattern with `$`, which matches before a last newline.",
    ),
    Difference(
        {"input": {"prompt": "\ud800", "image_url": "https://files.example.com/a.png"}},
        ("client",),
        "Half a surrogate pair can be written in JSON as an escape but not in UTF-8; the client sends UTF-8.",
    ),
)

# Judged alike by all four, though they look as if somebody might differ.
AGREED_URIS = (
    "HTTP://127.0.0.1:9/",
    "http://127.0.0.1:9/ä",
    "http://bücher.invalid/",
    "http://127.0.0.1:9/%zz",
    "http://127.0.0.1:/",
    "http://[::1]:9/",
    "http://[::1",
    "http://[zz]/",
    "http://a:b@127.0.0.1:9/",
    "http://127.0.0.1:9/?q=[1]",
    "http://127.0.0.1:9/a|b",
    "http://127.0.0.1:9/{id}",
    "http://127.0.0.1:9/a\\b",
    "http://127.0.0.1:9/#a#b",
    "\nhttp://127.0.0.1:9/",
    "http://127.0.0.1:9/ ",
    'http://127.0.0.1:9/"q"',
    "http://127.0.0.1:9/<x>",
    "http://127.0.0.1:9/^",
    ":x",
    "?x",
    "#x",
    "http//127.0.0.1",
    "http://127.0.0.1:9/\x00",
    "http://127.0.0.1:9/\u202e",
    "http://[::1%25lo]:9/",
    "http://127.0.0.1:9//",
)

# Where one names another place for the same rule.
PLACES = {
    ("simulator", "required", "/model"): (
        "/model",
        "Without a model there is no schema to judge by; the simulator names the member that is missing.",
    ),
}
