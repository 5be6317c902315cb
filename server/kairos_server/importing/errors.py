"""What can be wrong with an import: with one record, or with the whole."""

from kairos_server.exits import Exit


class RecordError(Exception):
    """One record cannot become an event; `args[0]` is a sentence that names the field and rule.

    The record is rejected, the others go on.
    """


class ImportFailed(Exception):
    """The import cannot go on; `args[0]` is one line with the remedy."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
