"""The report suggests a version and a CHANGELOG entry, and `--write` writes both."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pipeline.issues import SpecError
from scripts.pipeline.release import Release, Version, bump
from scripts.pipeline.report import Report
from scripts.pipeline.report.changes import Change, Severity, display, readable_place, strongest

MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH
LIMIT = Change(MAJOR, "#/components/schemas/Acme1Fast/properties/prompt", "maxLength 300 → 200 in the request")
MODEL = Change(MINOR, "#/components/schemas/CreateTaskRequest", "oneOf gained acme/2 in the request")
TEXTS = Change(PATCH, "#/info", "changed")
HEAD = "# Changelog\n\nWhat changed.\n\n"


def _release(folder: Path, version: str, changelog: str) -> Release:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "x"\nversion = "{version}"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(HEAD + changelog, encoding="utf-8")
    return Release.read(folder)


def _written(release: Release) -> tuple[str, str]:
    project, changelog = (content.decode() for content in release.files().values() if content)
    return project.splitlines()[-1], changelog.removeprefix(HEAD)


@pytest.mark.parametrize(
    ("version", "severity", "following"),
    [
        ((0, 3, 1), MAJOR, (0, 4, 0)),
        ((0, 3, 1), MINOR, (0, 3, 2)),
        ((0, 3, 1), PATCH, (0, 3, 2)),
        ((1, 3, 1), MAJOR, (2, 0, 0)),
        ((1, 3, 1), MINOR, (1, 4, 0)),
        ((1, 3, 1), PATCH, (1, 3, 2)),
    ],
)
def test_the_version_is_raised_by_semver(version: Version, severity: Severity, following: Version) -> None:
    assert bump(version, severity) == following


def test_a_released_version_gets_a_new_section(tmp_path: Path) -> None:
    release = _release(tmp_path, "0.1.0", "## 0.1.0 (2026-01-01)\n\n### Added\n\n- All.\n")
    version, changelog = _written(release.bumped(Report([LIMIT, MODEL], [])))
    assert version == 'version = "0.2.0"'
    assert changelog == (
        "## 0.2.0 (unreleased)\n\n"
        "### Changed\n\n- `Acme1Fast.prompt`: maxLength 300 → 200 in the request\n\n"
        "### Added\n\n- `CreateTaskRequest`: oneOf gained acme/2 in the request\n\n"
        "## 0.1.0 (2026-01-01)\n\n### Added\n\n- All.\n"
    )


def test_lines_are_added_to_an_unreleased_version(tmp_path: Path) -> None:
    changelog = "## 0.1.1 (unreleased)\n\n### Added\n\n- All.\n\n## 0.1.0\n\n- First.\n"
    version, text = _written(_release(tmp_path, "0.1.1", changelog).bumped(Report([MODEL], [])))
    assert version == 'version = "0.1.1"'
    assert text == changelog.replace("- All.\n", "- All.\n- `CreateTaskRequest`: oneOf gained acme/2 in the request\n")


def test_an_unreleased_version_is_raised_only_as_far_as_needed(tmp_path: Path) -> None:
    changelog = "## 0.1.1 (unreleased)\n\n### Added\n\n- All.\n\n## 0.1.0\n"
    version, text = _written(_release(tmp_path, "0.1.1", changelog).bumped(Report([LIMIT], [])))
    assert version == 'version = "0.2.0"'
    assert text.startswith("## 0.2.0 (unreleased)\n\n### Added\n\n- All.\n\n### Changed\n\n- `Acme1Fast.prompt`")
    changelog = "## 0.2.0 (unreleased)\n\n- All.\n\n## 0.1.0\n"
    assert _written(_release(tmp_path, "0.2.0", changelog).bumped(Report([LIMIT], [])))[0] == 'version = "0.2.0"'


def test_the_first_version_is_not_raised(tmp_path: Path) -> None:
    release = _release(tmp_path, "0.1.0", "## 0.1.0 (unreleased)\n\n- All.\n").bumped(Report([LIMIT], []))
    assert _written(release)[0] == 'version = "0.1.0"'
    assert release.suggestion == "0.1.0, which is not released yet (breaking changes)"


def test_a_line_is_written_only_once(tmp_path: Path) -> None:
    release = _release(tmp_path, "0.1.0", "## 0.1.0 (unreleased)\n\n### Added\n\n- All.\n")
    for path, content in release.bumped(Report([MODEL], [])).files().items():
        path.write_bytes(content or b"")
    again = Release.read(tmp_path).bumped(Report([MODEL], []))
    assert _written(again)[1].count("acme/2") == 1


def test_a_removed_python_name_is_breaking(tmp_path: Path) -> None:
    removed = Change(MAJOR, "apikley_client.models.Acme1Fast", "removed")
    release = _release(tmp_path, "1.0.0", "## 1.0.0\n").bumped(Report([TEXTS], [removed]))
    version, changelog = _written(release)
    assert version == 'version = "2.0.0"'
    assert "### Changed\n\n- `apikley_client.models.Acme1Fast`: removed\n" in changelog


def test_no_change_writes_nothing(tmp_path: Path) -> None:
    release = _release(tmp_path, "0.1.0", "## 0.1.0\n").bumped(Report([], []))
    assert (release.files(), release.next) == ({}, (0, 1, 0))


def test_harmless_changes_raise_the_patch_number(tmp_path: Path) -> None:
    release = _release(tmp_path, "1.0.0", "## 1.0.0\n").bumped(Report([TEXTS], []))
    assert release.suggestion == "1.0.0 → 1.0.1 (harmless changes)"
    assert "- Harmless changes of the published documentation." in _written(release)[1]


def test_the_report_explains_the_rule_before_1_0(tmp_path: Path) -> None:
    report = Report([LIMIT, MODEL, TEXTS], [])
    release = _release(tmp_path, "0.1.0", "## 0.1.0\n").bumped(report)
    text = report.text(release.suggestion, release.entry)
    assert text.startswith(
        "Suggested version: 0.1.0 → 0.2.0 (breaking changes; before 1.0.0 they raise the second number)\n"
    )
    assert "### Everything else (3)\n\n- breaking: " in text
    assert "\n- new or worth a review: " in text
    assert "\n- harmless: " in text


def test_files_without_a_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="have no version, such as 0"):
        _release(tmp_path, "soon", "")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("#/components/schemas/Acme1Fast/properties/frames/items/properties/url", "Acme1Fast.frames[].url"),
        ("#/paths/~1api~1v1~1x/get/responses/200", "GET /api/v1/x responses 200"),
        ("#/paths/~1api~1v1~1x/servers", "paths /api/v1/x servers"),
        ("#/servers", "servers"),
        ("#", "the document"),
        ("apikley_client.models.Code", "apikley_client.models.Code"),
    ],
)
def test_places_are_readable(where: str, text: str) -> None:
    assert readable_place(where) == text


def test_a_change_in_both_directions_is_reported_once_with_the_higher_severity() -> None:
    assert strongest([Change(PATCH, "#/x", "y"), TEXTS, Change(MAJOR, "#/x", "y")]) == [
        Change(MAJOR, "#/x", "y"),
        TEXTS,
    ]
    assert display("x" * 100) == '"' + "x" * 79 + "…"
