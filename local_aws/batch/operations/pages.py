"""Pages of a list."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from local_aws.batch.errors import request_error

Item = TypeVar("Item")
_LARGEST_PAGE = 100


def page(
    request: dict[str, Any],
    items: Sequence[Item],
    identity: Callable[[Item], str],
    member: str,
    show: Callable[[Item], Any],
    *,
    largest: int = _LARGEST_PAGE,
) -> dict[str, Any]:
    """Answer with one page of a list.

    Args:
        request: Has `maxResults` and `nextToken`, if the caller gives them.
        items: The whole list, in a stable order.
        identity: Gives each item's unique name; a token names the last item served, so that a
            list that grows between two calls neither repeats nor skips an item.
        member: The answer's member for the items.
        show: Gives an item as the answer shows it.
        largest: The largest page, and the size of a page when the caller names none.

    Raises:
        ClientException: `maxResults` is below 1, or `nextToken` did not come from here.
    """
    limit = request.get("maxResults", largest)
    if limit < 1:
        raise request_error("maxResults must be at least 1")
    start = 0
    if "nextToken" in request:
        last = _decoded(request["nextToken"])
        position = next((i for i, item in enumerate(items) if identity(item) == last), None)
        if position is None:
            raise request_error("nextToken is invalid")
        start = position + 1
    end = start + min(limit, largest)
    part = items[start:end]
    answer: dict[str, Any] = {member: [show(item) for item in part]}
    if end < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(identity(part[-1]).encode()).decode()
    return answer


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise request_error("nextToken is invalid") from error
