"""Files of events -> IngestBatch calls: readers, mappings, a resumable parallel import. The public
door of the package.
"""

from .access_log import access_event
from .columns import MappingError
from .errors import ImportFailed, RecordError
from .formats import FORMATS, Mapper, MapperOptions, mapper_of
from .plain import plain_event
from .rejects import Reject
from .run import ImportPlan, Preview, Summary, dry_run, import_run
from .source import Source, source_open
from .state import Counts, State, state_read

__all__ = [
    "FORMATS",
    "Counts",
    "ImportFailed",
    "ImportPlan",
    "Mapper",
    "MapperOptions",
    "MappingError",
    "Preview",
    "RecordError",
    "Reject",
    "Source",
    "State",
    "Summary",
    "access_event",
    "dry_run",
    "import_run",
    "mapper_of",
    "plain_event",
    "source_open",
    "state_read",
]
