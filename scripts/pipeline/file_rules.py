"""Extracts the rules of file fields from their published descriptions.

A field takes a file if it is for a URL: by its format, its name, or its description. Older pages describe files as
"(File URL after upload, not file content; Accepted types: image/jpeg, image/png; Max size: 10.0MB)", newer ones as
"Format: JPEG, PNG. … File size: up to 10 MB". The contract contains the rules as `x-file`, with a `pattern` for the
URL. For arrays, both stand at the items.
"""

from __future__ import annotations

import mimetypes
import re
from typing import Any

Schema = dict[str, Any]

_IS_FILE = re.compile(r"File URL after upload", re.IGNORECASE)
_NAME = re.compile(r"(^|_)urls?$", re.IGNORECASE)
_TYPES = re.compile(r"Accepted types:\s*([^;)\n]+)", re.IGNORECASE)
_FORMATS = re.compile(r"\bformats?:\s*([^.;)(\n]+)", re.IGNORECASE)
_SIZE = re.compile(r"\bsize\b[^.;)\n]{0,40}?(\d+(?:\.\d+)?)\s*MB", re.IGNORECASE)
_KIND = re.compile(r"image|video|audio", re.IGNORECASE)
# Names of formats that are no file name extensions.
_OTHER_NAMES = {"jpe": "jpeg", "tif": "tiff"}
_SCHEME = re.compile(r"\b([a-z][a-z0-9+.-]*)://")
# ECMA syntax that every validator understands. `(?![\s\S])` matches the empty text; in Python `$` also matches "\n".
_URL = "^[Hh][Tt][Tt][Pp][Ss]?://[^/]"
_OR_EMPTY = "|^(?![\\s\\S])"


def add_file_rules(schema: Schema) -> Schema:
    """Return an input's schema with `x-file` and `pattern` on each field for the URL of a file.

    An optional field also accepts `""`, which published examples use for "no file".
    """
    required = schema.get("required", [])
    properties = {
        name: _with_rule(name.strip(), field, is_required=name in required)
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _with_rule(name: str, field: Schema, *, is_required: bool) -> Schema:
    if "properties" in field:
        return add_file_rules(field)
    if field.get("type") == "array" and isinstance(field.get("items"), dict):
        # The description of the array describes its files.
        described = {"description": field.get("description", ""), **field["items"]}
        items = _with_rule(name, described, is_required=True)
        return {**field, "items": {key: items[key] for key in items if key in field["items"] or key != "description"}}
    text = str(field.get("description", ""))
    is_file = _IS_FILE.search(text) or field.get("format") == "uri" or _NAME.search(name)
    if field.get("type") != "string" or "enum" in field or not is_file:
        return field
    rule = _rule(name, text)
    if "pattern" in field or "base64" in text.lower():
        return {**field, "x-file": rule}
    # Only newer upstream pages document that the URL is http(s) (`format: uri`), so the pattern is grade K.
    return {**field, "pattern": _pattern(text, is_required=is_required), "x-pattern-evidence": "K", "x-file": rule}


def _rule(name: str, text: str) -> Schema:
    rule: Schema = {}
    if types := _media_types(text) or _kinds(f"{name} {text}"):
        rule["media-types"] = types
    if size := _SIZE.search(text):
        rule["max-bytes"] = int(float(size[1]) * 1024 * 1024)
    return rule


def _media_types(text: str) -> list[str]:
    if found := _TYPES.search(text):
        return [name.strip().lower() for name in found[1].split(",") if "/" in name]
    names = _FORMATS.search(text)
    words = re.findall(r"[a-z0-9]+", names[1].lower()) if names else []
    types = (mimetypes.guess_type(f"x.{_OTHER_NAMES.get(word, word)}")[0] for word in words)
    return [*dict.fromkeys(each for each in types if each and each.startswith(("image/", "video/", "audio/")))]


def _kinds(text: str) -> list[str]:
    """Return `image/*` and the like for the first kind of media that a text names."""
    found = _KIND.search(text)
    return [f"{found[0].lower()}/*"] if found else []


def _pattern(text: str, *, is_required: bool) -> str:
    # Some fields also take, for example, asset://{assetId}.
    others = sorted({scheme for scheme in _SCHEME.findall(text) if scheme not in ("http", "https")})
    pattern = "|".join([_URL, *(f"^{re.escape(scheme)}://[^/]" for scheme in others)])
    return pattern if is_required else pattern + _OR_EMPTY
