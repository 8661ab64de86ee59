"""The known differences between the witnesses, with reasons.

`test_witnesses.py` fails on a difference that is not listed here, and on an entry that no longer differs.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from contract_tests.conftest import published_example
from contract_tests.contract.rules import Rule

WITNESSES = ("client", "jsonschema", "simulator", "prism")
_HTTP_ONLY = (
    "The contract accepts any URI. The service can call only http and https, so the client is stricter on purpose: "
    "a task whose completion is never reported is paid all the same."
)


class Difference(NamedTuple):
    """One body that the witnesses do not check alike.

    Attributes:
        change: The change to the published example.
        refusing: The witnesses that refuse it; the others accept it.
        reason: Why they differ.
    """

    change: dict[str, Any]
    refusing: tuple[str, ...]
    reason: str

    def body(self) -> dict[str, Any]:
        """The changed body."""
        return {**example_without_callback(), **self.change}


def example_without_callback() -> dict[str, Any]:
    """The published example without its callback URL."""
    return {name: value for name, value in published_example().items() if name != "callBackUrl"}


def _uri(uri: str, refusing: tuple[str, ...], reason: str) -> Difference:
    return Difference({"callBackUrl": uri}, refusing, reason)


_NOT_HTTP = (
    *("ftp://127.0.0.1:9/x", "file:///etc/passwd", "mailto:a@127.0.0.1", "javascript:alert(1)", "data:,x"),
    *("ws://127.0.0.1:9/", "http://", "http:///x", "http://:9/"),
)
DIFFERENCES = (
    *(_uri(uri, ("client",), _HTTP_ONLY) for uri in _NOT_HTTP),
    _uri("http://127.0.0.1:99999/", ("client",), "Ports end at 65535; the client is stricter on purpose."),
    _uri("http:", ("client", "prism"), "RFC 3986 allows an empty path; Prism's ajv does not."),
    _uri("a:", ("client", "prism"), "The same with another scheme."),
    _uri(
        "http://127.0.0.1:x/",
        ("client", "jsonschema", "simulator"),
        "A port must be a number; Prism's ajv reads it as a part of the path.",
    ),
    _uri(
        "http://127.0.0.1:9/\n",
        ("client", "simulator", "prism"),
        "jsonschema uses rfc3986-validator, whose pattern ends with `$`, which matches before a final newline.",
    ),
    Difference(
        {"input": {"prompt": "\ud800", "image_url": "https://files.example.com/a.png"}},
        ("client",),
        "JSON can escape a lone surrogate, UTF-8 cannot encode it; the client sends UTF-8.",
    ),
)

EMPTY_CALLBACK_URL = (
    "A published client always sends an empty callback URL, and the service accepts it. So does the simulator in "
    "recorded shapes, with a warning; the contract is stricter."
)

# All four witnesses agree on these, although they look like candidates for a difference.
AGREED_URIS = (
    *("HTTP://127.0.0.1:9/", "http://127.0.0.1:9/ä", "http://bücher.invalid/", "http://127.0.0.1:9/%zz"),
    *("http://127.0.0.1:/", "http://[::1]:9/", "http://[::1", "http://[zz]/", "http://a:b@127.0.0.1:9/"),
    *("http://127.0.0.1:9/?q=[1]", "http://127.0.0.1:9/a|b", "http://127.0.0.1:9/{id}", "http://127.0.0.1:9/a\\b"),
    *("http://127.0.0.1:9/#a#b", "\nhttp://127.0.0.1:9/", "http://127.0.0.1:9/ ", 'http://127.0.0.1:9/"q"'),
    *("http://127.0.0.1:9/<x>", "http://127.0.0.1:9/^", ":x", "?x", "#x", "http//127.0.0.1", "http://127.0.0.1:9/\x00"),
    *("http://127.0.0.1:9/\u202e", "http://[::1%25lo]:9/", "http://127.0.0.1:9//"),
)


def crashes_prism(rule: Rule | None, body: Any) -> bool:
    """Whether Prism ends because of a body: it names a forbidden key in a header that cannot hold the key."""
    return rule is not None and rule.keyword == "additionalProperties" and "\\u" in json.dumps(body)


class RuleDifference(NamedTuple):
    """A rule for which one witness reports something else than the others.

    Attributes:
        witness: The witness that differs.
        rule: The rule's name.
        pointer: The rule's pointer.
        reported: The pointer that the witness reports.
        reason: Why it differs.
    """

    witness: str
    rule: str
    pointer: str
    reported: str
    reason: str

    def applies(self, rule: Rule | None) -> bool:
        """Whether this difference is about a rule."""
        return rule is not None and (rule.name, rule.pointer) == (self.rule, self.pointer)


_UNKNOWN = (
    "The service accepts fields that the page does not list, and so does the contract. The client refuses them unless "
    "the caller allows them: a misspelt name would be paid for and ignored."
)
RULE_DIFFERENCES = (
    *(RuleDifference("client", "unknown key", pointer, pointer, _UNKNOWN) for pointer in ("", "/input")),
    RuleDifference(
        "simulator",
        "required",
        "/model",
        "/model",
        "Without a model there is no schema to validate against; the simulator names the missing field itself.",
    ),
)
