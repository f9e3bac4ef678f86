"""What the functions of `assets/janitors` call, read in their source."""

from __future__ import annotations

import re
from functools import cache

from stacks import paths

_FOLDER = paths.JANITORS / "nextflow_janitors"
_ROLE = re.compile(r"OperationsJanitors(\w+)Role")
#: Which module several functions use.
_SHARED = ("jobs",)
#: Calls whose action has another name than theirs:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
_ACTIONS = {"ListObjectsV2": "ListBucket"}
#: What Lambda does with what a function prints.
_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}


def module_of(role: str) -> str | None:
    """Return the module of a function's role; none for another role.

    Args:
        role: The stand-in of its name, such as `OperationsJanitorsStrayVolumesRole`.
    """
    found = _ROLE.fullmatch(role)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", found[1]).lower() if found else None


def calls(module: str, action: str) -> bool:
    """Tell whether a module, or what it shares with others, calls an action."""
    return action in _LOG or action.partition(":")[2] in _called(module)


@cache
def _called(module: str) -> set[str]:
    source = (_FOLDER / f"{module}.py").read_text("utf-8")
    texts = [source]
    texts += [
        (_FOLDER / f"{name}.py").read_text("utf-8") for name in _SHARED if f"{name}." in source
    ]
    names = {
        name
        for text in texts
        for pattern in (r"\.(\w+)\(", r'get_paginator\("(\w+)"\)')
        for name in re.findall(pattern, text)
    }
    camel = {"".join(word.capitalize() for word in name.split("_")) for name in names}
    return {_ACTIONS.get(name, name) for name in camel}
