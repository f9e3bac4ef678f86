"""What the settings refuse, each with its exact line; the table is settings_refusals.txt.

A case is the beginning of a settings file, followed by the lines with which it is refused, after
`lab.yaml:`. The rest of the file is what `REST` has and the case has not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from stacks.settings_file import SettingsError, parse

REST = {
    "deployment": "deployment: lab\n",
    "compute_environments": """\
compute_environments:
  spot: {purchase: spot, instance_types: [m6i, c6i.2xlarge]}
  ondemand: {purchase: on-demand, instance_types: [m6i]}
  arm: {purchase: on-demand, instance_types: [m7g, c6gn, im4gn.large], max_vcpus: 32}
""",
    "queues": """\
queues:
  default: {priority: 1, compute_environments: [spot, ondemand]}
  arm: {priority: 1, compute_environments: [arm]}
""",
}


class Case(NamedTuple):
    beginning: str
    lines: list[str]

    @property
    def text(self) -> str:
        named = set(re.findall(r"^(\w+):", self.beginning, re.MULTILINE))
        if "environment" in named:
            named.add("deployment")
        rest = [text for name, text in REST.items() if name not in named]
        return "".join((self.beginning, "\n", *rest))


def _cases() -> list[Case]:
    table = (Path(__file__).parent / "data" / "settings_refusals.txt").read_text(encoding="utf-8")
    cases = []
    for block in re.sub(r"^(==|#) .*\n", "", table, flags=re.MULTILINE).strip("\n").split("\n\n"):
        lines = block.strip("\n").split("\n")
        refused = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
        cases.append(Case("\n".join(lines[: -len(refused)]), refused))
    return cases


CASES = _cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.beginning[:60])
def test_refuses_in_one_line_for_each_thing(case: Case) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(case.text, "lab.yaml")

    assert str(refused.value).splitlines() == [f"lab.yaml:{line}" for line in case.lines]


def test_the_table_is_read_whole() -> None:
    assert len(CASES) > 450
    assert all(case.beginning and case.lines for case in CASES)


def test_without_the_cases_beginning_the_rest_is_good() -> None:
    assert parse("".join(REST.values()), "lab.yaml").deployment == "lab"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "1: must be a mapping of settings, like default.yaml"),
        (b"# nothing\n", "1: must be a mapping of settings, like default.yaml"),
        (b"just words", "1: must be a mapping of settings, like default.yaml"),
        (b"- deployment: lab\n", "1: must be a mapping of settings, like default.yaml"),
        (b"---\n", "1: must be a mapping of settings, like default.yaml"),
        (
            b"deployment: lab\nregion: caf\xe9\n",
            "2: is not UTF-8: the byte 0xe9 cannot be read",
        ),
        ("deployment: lab".encode("utf-16"), "1: is not UTF-8: the byte 0xff cannot be read"),
        (
            b"deployment: lab\nregion: \x00",
            "2: not valid YAML: unacceptable character #x0000: special characters are not allowed",
        ),
        (
            b"%YAML 1.1\n---\na: 010",
            "1: %YAML 1.1 is not allowed: must be %YAML 1.2: correct the line, or remove it",
        ),
        (b"{" * 60_000, "1: is nested too deeply"),
        (b"- " * 3_000, "1: is nested too deeply"),
        (b"x" * 70_000, "1: has 70000 bytes: must have at most 65536"),
        (
            b"tags:\n" + b"".join(b"  key%d: value\n" % number for number in range(100_000)),
            "1: has 1788896 bytes: must have at most 65536",
        ),
        (
            b"x-a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
            + b"".join(
                b"x-%c: &%c [%s]\n" % (new, new, b", ".join([b"*%c" % old] * 9))
                for old, new in zip(b"abcdefgh", b"bcdefghi", strict=True)
            )
            + b"tags: *i\n",
            "10: has more than 5000 values after its aliases are resolved",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses_what_is_no_settings_file(data: bytes, line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(data, "lab.yaml")

    assert str(refused.value) == f"lab.yaml:{line}"


def test_says_each_thing_on_its_own_line_of_the_file() -> None:
    text = "\n".join(
        [
            "deployment: Lab",
            "scratch:",
            "  size_gib: 10",
            "network:",
            "  egress: vpn",
            "  zone: 3",
            "compute_environments:",
            "  spot:",
            "    instance_types: [m6i]",
            "queues:",
            "  default:",
            "    priority: 1",
            "    compute_environments: [spot]",
        ]
    )

    with pytest.raises(SettingsError) as refused:
        parse(text, "lab.yaml")

    assert [line.rsplit(": ")[0] for line in str(refused.value).splitlines()] == [
        "lab.yaml:1",
        "lab.yaml:3",
        "lab.yaml:5",
        "lab.yaml:6",
        "lab.yaml:8",
    ]


def test_a_merged_value_is_refused_where_it_stands() -> None:
    text = "\n".join(
        [
            "deployment: lab",
            "x-usual: &usual",
            "  purchase: spot",
            "  max_vcpus: 0",
            "compute_environments:",
            "  spot:",
            "    <<: *usual",
            "queues:",
            "  default: {priority: 1, compute_environments: [spot]}",
        ]
    )

    with pytest.raises(SettingsError) as refused:
        parse(text, "lab.yaml")

    assert str(refused.value) == (
        "lab.yaml:4: compute_environments.spot.max_vcpus: 0 is not allowed: must be at least 1"
    )


def test_what_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        parse(Case("head: {git_secret: ghp_0123456789abcdef}", []).text, "lab.yaml")

    assert "ghp_" not in str(refused.value)
