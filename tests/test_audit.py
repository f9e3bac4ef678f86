"""Rule packs and linters over each settings file and variant, and what is acknowledged."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from audit import __main__, declared, linters, packs, page, report, variants
from audit.finding import Acknowledgement, Finding
from audit.report import Audit
from stacks import paths, settings_file

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = variants.all_of_them()
OPEN = Finding(
    "HIPAA", "HIPAA.Security-Rule", "data/Bucket/Resource", "It is open - (Control IDs: 1)"
)
REASON = Acknowledgement(OPEN.rule, "data/Bucket", "it is closed elsewhere", "storage.py")


@functools.cache
def audited(name: str) -> Audit:
    return report.audit(VARIANTS[name], linted=False)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_rule_packs_find_nothing_that_is_not_acknowledged(name: str) -> None:
    assert audited(name).problems == []
    assert len({finding.pack for finding in audited(name).findings}) == 4  # they did look


def test_each_acknowledgement_has_a_finding() -> None:
    assert report.dead(map(audited, VARIANTS), linted=False) == []


@pytest.mark.skipif(not linters.CHECKOV.exists(), reason="`make audit` installs checkov")
@pytest.mark.parametrize("name", ["default", "customer key"])
def test_the_linters_find_nothing_that_is_not_acknowledged(name: str) -> None:
    found = report.audit(VARIANTS[name])

    assert found.problems == []
    assert found.counts("checkov")[0] > 0


def test_the_page_lists_each_acknowledgement_with_its_reason() -> None:
    assert (paths.ROOT / "docs" / "audit.md").read_text("utf-8") == page.page()  # `make schema`


def test_a_finding_that_nothing_acknowledges_is_one_line_for_all_standards() -> None:
    findings = [OPEN, replace(OPEN, pack="PCI", rule="PCI.DSS.321-Rule")]

    assert Audit(findings, []).problems == [
        "Rule (HIPAA, PCI) at data/Bucket/Resource: It is open: change the resource, or acknowledge"
        " the rule next to it, with the reason"
    ]


@pytest.mark.parametrize(
    "other",
    [
        replace(REASON, path="data/Buck"),
        replace(REASON, path="data/Bucket/Resource/Policy"),
        replace(REASON, rule="PCI.DSS.321-Rule"),
    ],
)
def test_an_acknowledgement_covers_its_resource_and_rule_alone(other: Acknowledgement) -> None:
    assert Audit([OPEN], [REASON]).problems == []
    assert len(Audit([OPEN], [other]).problems) == 1


def test_an_acknowledgement_without_a_finding_is_dead() -> None:
    standards = [replace(REASON, rule=f"{pack}-Rule") for pack in ("HIPAA.Security", "PCI.DSS.321")]
    other = replace(REASON, path="data/Other")

    assert report.dead([Audit([OPEN], [*standards, other]), Audit([], standards)]) == [other]


def test_the_audited_app_has_no_acknowledgements_of_its_own() -> None:
    """Or cdk-nag would leave findings out, and none could be seen to be dead."""
    app, acknowledgements = declared.read(VARIANTS["workshop"])
    rules = {finding.rule for finding in packs.findings(app)}

    assert len({each.file for each in acknowledgements}) > 3
    assert rules & {each.rule for each in acknowledgements}


def test_settings_that_are_wrong_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["mars"]) == 2
    assert capsys.readouterr().err.startswith("settings: 'mars' is not allowed: must be one of ")


def test_an_open_finding_fails_the_audit_of_a_sites_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab.yaml").write_text((paths.SETTINGS / "default.yaml").read_text("utf-8"))
    monkeypatch.setattr(paths, "SETTINGS", tmp_path)
    monkeypatch.setattr(report, "audit", lambda _: Audit([OPEN], []))

    assert __main__.main(["lab"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("lab: Rule (HIPAA) at data/Bucket/Resource: It is open: ")
    assert "1 (1)" in printed.out
    assert settings_file.read(tmp_path, "lab")
