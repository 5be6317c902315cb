# Names, limits and sizes for Python, and the errors of the door.

SEMANTICS_VERSION = KAIROS_SEMANTICS_VERSION


cdef dict header_enum(str file_name, str prefix):
    """Reads `PREFIX_NAME = number` from a header of this package,
    so that each number stands once.
    """
    found = {}
    path = os.path.join(os.path.dirname(__file__), file_name)
    with open(path, encoding="utf-8") as header:
        for line in header:
            name, separator, value = line.strip().partition(" = ")
            if separator and name.startswith(prefix):
                found[name[len(prefix):]] = int(value.split(",")[0].split()[0])
    return found


STATUS = header_enum("status.h", "STATUS_")
STATUS_NAMES = {number: name for name, number in STATUS.items()}
LIMITS = {name.lower(): value for name, value in header_enum("limits.h", "KAIROS_").items()}
SIZES = {
    "kairos_record": sizeof(kairos_record), "kairos_session": sizeof(kairos_session),
    "kairos_slot": sizeof(kairos_slot), "kairos_column": sizeof(kairos_column),
    "kairos_leaf": sizeof(kairos_leaf), "kairos_operand": sizeof(kairos_operand),
    "kairos_candidate": sizeof(kairos_candidate), "kairos_placement": sizeof(kairos_placement),
    "kairos_index": sizeof(kairos_index), "kairos_rule": sizeof(kairos_rule),
    "kairos_frame": sizeof(kairos_frame), "kairos_image_header": sizeof(kairos_image_header),
    "kairos_decision": sizeof(kairos_decision),
}


class EngineError(Exception):
    """A failure of the node: log, view or image."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


class Refusal(Exception):
    """A request that is refused as a whole."""

    def __init__(self, status, field="", seen=""):
        super().__init__(STATUS_NAMES.get(status, str(status)))
        self.status = status
        self.field = field
        self.seen = seen


cdef must(int32_t status):
    if status != STATUS_OK:
        raise EngineError(f"The core failed with {STATUS_NAMES.get(status, status)}.", status)


cdef object refusal_of(const wire_fault* fault):
    """A Refusal for a public status, an EngineError for an internal one."""
    if fault.status >= 128:
        return EngineError(
            f"The core failed with {STATUS_NAMES.get(fault.status, fault.status)}.", fault.status)
    seen = fault.seen[:fault.seen_size].decode("utf-8", "replace") if fault.seen_size else ""
    return Refusal(fault.status, (<bytes>fault.field).decode("utf-8", "replace"), seen)


cdef object event_refusal(const pending_refusal* refusal):
    """The Refusal of one event."""
    cdef wire_fault fault = refusal.fault
    fault.seen = refusal.seen
    fault.seen_size = refusal.seen_size
    return refusal_of(&fault)


def hash64(uint32_t space, bytes text):
    return kairos_hash64(space, <const char*>text, len(text))


def crc32c(bytes data, uint32_t start=0):
    return kairos_crc32c(start, <const char*>data, len(data))


def canonical_name(str name):
    cdef bytes encoded = name.encode()
    cdef bytes result = bytes(2 * len(encoded) + 2)
    cdef uint32_t size = 0
    if len(encoded) <= KAIROS_ATTRIBUTE_NAME_SIZE_MAX:
        size = wire_canonical_name(<const uint8_t*><const char*>encoded, <uint32_t>len(encoded),
                                   <uint8_t*><char*>result)
    if not size:
        raise ValueError(
            f"{name!r} is not an attribute name: 1 to 128 bytes, no empty part between dots, "
            "no control characters")
    return result[:size].decode()


def verify_image(bytes image):
    cdef int32_t status = STATUS_OK
    cdef bytes message = bytes(512)
    cdef const uint8_t* data = <const uint8_t*><const char*>image
    cdef uint64_t size = len(image)
    cdef char* text = message
    cdef plan* loaded
    with nogil:
        loaded = plan_load_bytes(data, size, &status, text, 512)
    if loaded == NULL:
        raise EngineError(fault_text(message) or STATUS_NAMES.get(status, ""), status)
    plan_free(loaded)


def load_store_library():
    """Resolves the engine inside the lmdb wheel; the import fails where the
    wheel is another one.
    """
    cdef bytes message = bytes(512)
    spec = importlib.util.find_spec("lmdb.cpython")
    if spec is None or not spec.origin:
        raise ImportError(
            "The lmdb package has no compiled module; install the wheel that pyproject.toml pins.")
    if store_load(os.fsencode(spec.origin), <char*>message, 512) != STATUS_OK:
        raise ImportError(fault_text(message))


load_store_library()
