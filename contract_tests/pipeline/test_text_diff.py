"""Pages that contradict each other are shown where they do, in one short line."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.pipeline.issues import SpecError
from scripts.pipeline.merge import merge
from scripts.pipeline.page import extract
from scripts.pipeline.text_diff import difference

LONG = "Codes\n\n" + "\n".join(f"- **{code}**: {'word ' * 20}" for code in range(200, 210))


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([200, 401], [200, 455], "[200, 401] and [200, 455]"),
        ("a", None, "'a' and None"),
        (LONG, LONG.replace("203", "455"), "line 6: '- **203**: word "),
        (LONG, LONG + "\n- **505**: Off", "line 13: nothing and '- **505**: Off'"),
        ("x" * 200 + "old", "x" * 200 + "new", "line 1: …xxxxxxxxxxxxxxxxxxxxold' and …xxxxxxxxxxxxxxxxxxxxnew'"),
        (["x" * 90, "old"], ["x" * 90, "new"], "item 2: 'old' and 'new'"),
        (LONG, f"{LONG}\n", "at the end: …"),
        (LONG, 5, "'Codes\\n\\n- **200**"),
    ],
)
def test_a_difference_is_shown_where_it_is(one: Any, other: Any, words: str) -> None:
    text = difference(one, other)
    assert text.startswith(words)
    assert len(text) < 200
    assert "\n" not in text


def test_a_code_table_of_other_codes_is_shown_by_those_that_differ(page: str) -> None:
    texts = {"a.json": page, "b.json": page.replace("hailuo/02-image", "acme/1-image").replace("- 455", "- 456")}
    documents = {name: extract(text, name).document for name, text in texts.items()}
    with pytest.raises(SpecError) as caught:
        merge(documents, {})
    (line,) = [line for line in str(caught.value).splitlines() if "/code/enum" in line]
    assert "455" in line
    assert "456" in line
    assert len(line) < 300
