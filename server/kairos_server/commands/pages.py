"""Lists that come in pages."""

from collections.abc import Callable, Iterator
from typing import Any

from kairos_server.commands.connection import Server


def pages(server: Server, method: Any, request: Any, rows: Callable[[Any], Any]) -> Iterator[Any]:
    """Yields the rows of all pages of a list. Errors: CommandFailed."""
    while True:
        page = server.call(method, request)
        yield from rows(page)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
