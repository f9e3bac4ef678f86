"""Shows what `cdk diff` says as a reviewer reads it.

A changed tag is one line, however many resources carry it; a changed script is the lines of it that
change. Everything else, and everything that is not understood here, stays as the CLI prints it.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field

_TREE = " │├└─"
_RESOURCE = re.compile(r"\[[+~-]\] \S+::\S+")
_TAGS = re.compile(r"\[~\] \.?(?:Tag|\w*Tags|TagSpecification)s?\b")
_SIGNED = re.compile(r"\[([ +-])\] ?(.*)")
_PAIR = re.compile(r'"Key": ("(?:[^"\\]|\\.)*"),\n"Value": (.*)')
_REPLACED = "(requires replacement)"


@dataclass
class _Block:
    """A resource's header and the tree below it."""

    header: str
    lines: list[str] = field(default_factory=list)


@dataclass
class _Tags:
    """On which resources each change of a tag is found."""

    resources: dict[str, list[str]] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)

    def add(self, changes: set[str], header: str, *, replaced: bool) -> None:
        for change in changes:
            found = self.resources.setdefault(change, [])
            if header not in found:
                found.append(header)
        if replaced and header not in self.replaced:
            self.replaced.append(header)

    def lines(self) -> list[str]:
        if not self.resources:
            return []
        for change in [change for change in self.resources if " = " not in change]:
            # Of a tag in a mapping the CLI says the key alone; another resource says the value.
            whole = [other for other in self.resources if other.startswith(f"{change} = ")]
            if len(whole) == 1:
                self.resources[whole[0]] += self.resources.pop(change)
        found = [
            f"{change}: {len(on)} resource{'s' if len(on) > 1 else ''}"
            for change, on in sorted(self.resources.items())
        ]
        replaced = [f"    cdk would replace {header}" for header in self.replaced]
        return ["Tags", *found, *replaced]


def readable(text: str) -> str:
    """Fold the changes of tags, and split those of scripts.

    Args:
        text: What `cdk diff` prints, without colours.

    Returns:
        The same with one line for each change of a tag at its end.
    """
    tags = _Tags()
    shown: list[str] = []
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if not _RESOURCE.match(line):
            shown.append(line)
            continue
        block = _Block(line)
        while position < len(lines) and lines[position].startswith(" "):
            block.lines.append(lines[position])
            position += 1
        shown += _without_tags(block, tags)
    return "\n".join([*_without_empty(shown), *tags.lines()]) + "\n"


def _without_tags(block: _Block, tags: _Tags) -> list[str]:
    kept: list[str] = []
    lines = block.lines
    if not lines:
        return [block.header]  # it is new, or goes
    position = 0
    while position < len(lines):
        line = lines[position]
        below = position + 1
        while below < len(lines) and _depth(lines[below]) > _depth(line):
            below += 1
        changes = _tag_changes(lines[position + 1 : below]) if _TAGS.match(_text(line)) else set()
        if changes:
            header = _RESOURCE.sub(lambda match: match[0].split("] ")[1], block.header, count=1)
            name = header.removesuffix(" replace")
            tags.add(changes, name, replaced=_REPLACED in line)
            position = below
        else:
            kept.append(line)
            position += 1
    kept = _closed(_without_childless(kept))
    if not kept:
        return []
    header = block.header
    if not any("replacement" in line or "replaced" in line for line in kept):
        header = header.removesuffix(" replace")
    return [header, *_split(kept)]


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(_TREE))


def _text(line: str) -> str:
    return line.lstrip(_TREE)


def _tag_changes(lines: list[str]) -> set[str]:
    """What happens to the tags below a node: `[+] key = value`."""
    changes = _added_or_removed(lines)
    hunks: list[list[str]] = [[]]
    for line in lines:
        if _text(line).startswith("@@"):
            hunks.append([])
        hunks[-1].append(_text(line))
    for hunk in hunks[1:]:
        old, new = (_pairs(hunk, sign) for sign in "-+")
        changes |= {f"[+] {key} = {new[key]}" for key in new.keys() - old.keys()}
        changes |= {f"[-] {key} = {old[key]}" for key in old.keys() - new.keys()}
        changes |= {
            f"[~] {key} = {old[key]} -> {new[key]}"
            for key in new.keys() & old.keys()
            if old[key] != new[key]
        }
    return changes


def _pairs(hunk: list[str], sign: str) -> dict[str, str]:
    signed = [match for line in hunk if (match := _SIGNED.match(line))]
    text = "\n".join(match[2].strip() for match in signed if match[1] in (" ", sign))
    return {json.loads(key): value.rstrip(",").strip('"') for key, value in _PAIR.findall(text)}


def _added_or_removed(lines: list[str]) -> set[str]:
    """The changes of tags that are a mapping, which has another form."""
    changes: set[str] = set()
    for number, line in enumerate(lines):
        text = _text(line)
        if match := re.match(r"\[([+-])\] (?:Added|Removed): \.(.*)", text):
            changes.add(f"[{match[1]}] {match[2]}")
        elif (match := re.match(r"\[~\] \.(.*):$", text)) and number + 2 < len(lines):
            old, new = (_text(other)[4:] for other in lines[number + 1 : number + 3])
            changes.add(f"[~] {match[1]} = {old} -> {new}")
    return changes


def _without_childless(lines: list[str]) -> list[str]:
    """The tree without nodes that had nothing but tags below them."""
    kept: list[str] = []
    for line in reversed(lines):
        is_node = re.match(r"\[~\] \.?\w+:?$", _text(line))
        if is_node and not (kept and _depth(kept[-1]) > _depth(line)):
            continue
        kept.append(line)
    return kept[::-1]


def _closed(lines: list[str]) -> list[str]:
    """The tree with its last branches drawn as such."""
    kept: list[str] = []
    open_at: set[int] = set()
    for line in reversed(lines):
        depth = _depth(line)
        stem = list(line[:depth])
        open_at = {place for place in open_at if place < depth}
        for place, character in enumerate(stem):
            if character == "│" and place not in open_at:
                stem[place] = " "
            elif character in "├└":
                stem[place] = "├" if place in open_at else "└"
                open_at.add(place)
        kept.append("".join(stem) + line[depth:])
    return kept[::-1]


def _split(lines: list[str]) -> list[str]:
    """Scripts line by line: of those that change, the lines that do."""
    shown: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    stem = ""

    def flush() -> None:
        old, new = "".join(removed).splitlines(), "".join(added).splitlines()
        changes = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
        shown.extend(
            f"{stem}[{line[0]}] {line[1:]}" for line in changes if not line.startswith("@@")
        )
        removed.clear()
        added.clear()

    for line in lines:
        match = _SIGNED.match(_text(line))
        script = _script(match[2]) if match else None
        if match and script is not None and match[1] in "+-":
            stem = line[: _depth(line)]
            (removed if match[1] == "-" else added).append(script)
            continue
        flush()
        # A script that is only there as the context of a change says nothing.
        shown.append(line if script is None else f"{line[: _depth(line)]}[ ] ...")
    flush()
    return shown


def _script(text: str) -> str | None:
    """A JSON string of several lines; none for anything else."""
    try:
        value = json.loads(text.strip().rstrip(","))
    except ValueError:
        return None
    return value if isinstance(value, str) and "\n" in value else None


def _without_empty(lines: list[str]) -> list[str]:
    """Without the heading of resources where none of them is left."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line == "Resources" and not _RESOURCE.match(following):
            kept.append("Only tags change")
            continue
        kept.append(line)
    return kept


def main() -> int:
    """Run `cdk diff` with this program's arguments; returns its exit status."""
    try:
        run = subprocess.run(
            ["cdk", "diff", *sys.argv[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        print("cdk is not installed: use `make diff`", file=sys.stderr)
        return 2
    print(readable(run.stdout), end="", flush=True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
