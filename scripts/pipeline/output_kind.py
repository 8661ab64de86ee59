"""What a model makes, as `x-output` in its request schema: `video`, `image`, `audio` or `text`."""

from __future__ import annotations

import re
from typing import Any

_WORDS = {
    "video": ("video", "movie", "film", "storyboard", "avatar", "lip-sync", "animate", "animation", "motion"),
    "audio": ("audio", "speech", "dialogue", "music", "sound", "voice", "song", "mp3", "wav"),
    "text": ("text", "transcription", "transcribe", "caption", "subtitles"),
    "image": ("image", "photo", "picture", "background", "inpaint", "jpg", "png", "banana", "flux"),
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words}
_LETTERS = {"v": "video", "i": "image", "a": "audio"}
_TARGET = re.compile(rf"\bto[- ]({'|'.join(_KINDS)})|\b[tivra]2([via])\b")
_MODELS = re.compile(r"(video|image|music|audio|text|chat)\s+models", re.IGNORECASE)
DEFAULT = "video"


def output_kind(model: str, operation: dict[str, Any], input_: dict[str, Any]) -> str:
    """Return what a model makes, by its name, the folder of its page, its title and its fields.

    Args:
        model: The model.
        operation: The operation of its page.
        input_: The schema of its input.

    >>> output_kind("acme/image-to-video", {}, {}), output_kind("acme/t2i", {}, {})
    ('video', 'image')
    """
    if found := _TARGET.search(model.lower()):
        return _KINDS[found[1]] if found[1] else _LETTERS[found[2]]
    folder = next(filter(None, (_MODELS.search(str(tag)) for tag in operation.get("tags", []))), None)
    if folder:
        name = folder[1].lower()
        return {"music": "audio", "chat": "text"}.get(name, name)
    formats = [value for field in input_.get("properties", {}).values() for value in field.get("enum", [])]
    for text in (model, operation.get("summary", ""), " ".join(map(str, formats))):
        words = [word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", str(text).lower())]
        for kind, known in _WORDS.items():
            if any(word in known for word in words):
                return kind
    return DEFAULT
