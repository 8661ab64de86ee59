"""Made-up published pages of 100 models, with every keyword that published pages use.

Run `python -m contract_tests.pipeline.market FOLDER` to write them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract_tests.other_models import page_of

# A number in a name is followed by a letter, as in real ones, where two rules for class names once disagreed.
FAMILIES = ("acme", "borea", "cinder", "delta-2", "ember/v3.1", "fjord", "grove-4k", "hod", "iris/2-2-a14b", "juno-8b")
_FILE = {"type": "string", "format": "uri"}


def _seed(family: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": 2**31 - 1 - family, "description": "Repeats a result."}


def _prompt(family: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": 500 * (family + 1), "description": "What the result shows."}


def _shapes(family: int) -> dict[str, dict[str, Any]]:
    """The arguments of `page_of` for each kind of model; the limits differ from family to family."""
    prompt, seed = _prompt(family), _seed(family)
    return {
        "text-to-video": {
            "fields": {
                "prompt": prompt,
                "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16", "1:1"], "default": "16:9"},
                "duration": {"type": "string", "enum": ["5", "10"], "default": "5"},
                "seed": seed,
            },
            "required": ("prompt",),
        },
        "image-to-video": {
            "fields": {
                "prompt": {**prompt, "minLength": 1 + family},
                "image_url": {**_FILE, "description": "The first frame."},
                "end_image_url": {"type": "string", "description": "The last frame, or an empty string."},
                "prompt_optimizer": {"type": "boolean", "default": True},
            },
            "required": ("image_url",),
        },
        "reference-to-video": {
            "fields": {
                "prompt": prompt,
                "image_urls": {"type": "array", "minItems": 1, "maxItems": 3 + family, "items": _FILE},
                "strength": {"type": "number", "minimum": 0, "maximum": 1 + family, "default": 0.5},
            },
            "required": ("prompt", "image_urls"),
        },
        "storyboard": {
            "fields": {
                "shots": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 5 + family,
                    "items": {
                        "type": "object",
                        "required": ["text", "seconds"],
                        "properties": {
                            "text": {"type": "string", "maxLength": 80},
                            "seconds": {"type": "integer", "minimum": 1, "maximum": 15},
                            "image_url": {**_FILE, "nullable": True},
                        },
                    },
                }
            },
            "required": ("shots",),
        },
        "text-to-image": {
            "fields": {
                "prompt": prompt,
                "guidance": {"type": "number", "enum": [0, 0.5, 1]},
                "images": {"type": "integer", "enum": [1, 2, 4], "default": 1},
                "style": {"type": "string", "enum": ["photo", "ink", None], "nullable": True},
            },
        },
        "palette-image": {
            "fields": {
                "prompt": prompt,
                "palette": {
                    "type": "object",
                    "nullable": True,
                    "required": ["main"],
                    "properties": {
                        "main": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
                        "others": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 7}},
                    },
                },
            },
        },
        "image-upscale": {
            "fields": {
                "image_url": {**_FILE, "maxLength": 400},
                "size": {"oneOf": [{"type": "integer", "minimum": 64}, {"type": "string", "enum": ["auto"]}]},
                "seed": {"anyOf": [seed, {"type": "array", "maxItems": 3, "items": {"type": "integer"}}]},
            },
            "required": ("image_url", "size"),
        },
        "video-edit": {
            "fields": {
                "video_url": {**_FILE},
                "ratio": {"type": "string", "pattern": r"^\d+:\d+$"},
                "frames": {"type": "integer", "minimum": 8, "maximum": 240, "multipleOf": 8},
                "scale": {
                    "type": "number",
                    "minimum": 0,
                    "exclusiveMinimum": True,
                    "maximum": 2 + family,
                    "exclusiveMaximum": True,
                },
            },
            "required": ("video_url",),
        },
        "text-to-speech": {
            "fields": {
                "text": {"type": "string", "minLength": 2, "maxLength": 20_000},
                "voice": {"type": "string", "enum": [f"voice {number}" for number in range(family + 1)]},
                "lora-scale": {"type": "number", "minimum": 0, "maximum": 2},
                "reference_audio ": _FILE,
            },
            "required": ("text",),
        },
        "motion-control": {
            "fields": {
                "prompt": prompt,
                "camera": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
                },
            },
            "callBackUrl": {**_FILE, "required": True},
            "progressCallBackUrl": _FILE,
        },
    }


def pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the model and the page of each model."""
    for number, family in enumerate(FAMILIES):
        for kind, shape in _shapes(number).items():
            model = f"{family}-{kind}" if "/" in family else f"{family}/{kind}"
            yield model, page_of(model, **shape)


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for model, page in pages():
        (folder / f"{model.replace('/', '-')}.json").write_text(json.dumps(page, indent=2), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
