"""One record through the mapper of its format."""

import json
from datetime import UTC, datetime

import pytest
from kairos_server.importing import MapperOptions, RecordError, mapper_of


def mapped(kind, row, **options):
    """The event of a record."""
    record = row if isinstance(row, bytes) else json.dumps(row).encode()
    return mapper_of(MapperOptions(kind, **options))(record)


def values(attributes):
    """Name -> value."""
    return {
        attribute.name: getattr(attribute, attribute.WhichOneof("value"))
        for attribute in attributes
    }


def micro(text):
    """Microseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def refusal(kind, row, **options):
    """The sentence with which a record is refused."""
    with pytest.raises(RecordError) as error:
        mapped(kind, row, **options)
    return str(error.value)
