"""What the native headers and the contract must say alike: reasons, enums, limits.

Reads the headers as text.
"""

import re
from pathlib import Path

from kairos.v1 import error_pb2, event_pb2, personalization_service_pb2

PUBLIC_MAX = 127


def constants(root: Path, header: str, prefix: str) -> dict[str, int]:
    text = (root / "native" / "kairos_native" / header).read_text()
    return {name: int(value) for name, value in re.findall(rf"\b{prefix}(\w+) = (\d+)\b", text)}


def test_reasons_are_the_public_statuses(root: Path) -> None:
    statuses = constants(root, "status.h", "STATUS_")
    public = {name: number for name, number in statuses.items() if 0 < number <= PUBLIC_MAX}
    reasons = {
        name.removeprefix("ERROR_REASON_"): number
        for name, number in error_pb2.ErrorReason.items()
        if number
    }
    assert public == reasons
    assert len(set(statuses.values())) == len(statuses)


def test_greatest_enum_numbers_are_those_of_the_scanner(root: Path) -> None:
    greatest = constants(root, "wire.h", "WIRE_")
    for name, enum in (
        ("DEVICE_TYPE_MAX", event_pb2.DeviceType),
        ("CHANNEL_MAX", event_pb2.Channel),
        ("URGENCY_MAX", event_pb2.Urgency),
        ("CONSENT_STATUS_MAX", event_pb2.ConsentStatus),
    ):
        # Without gaps, so that one comparison decides.
        assert sorted(enum.values()) == list(range(greatest[name] + 1)), name


def test_enums_are_prefixed_and_start_unspecified() -> None:
    for file in (error_pb2, event_pb2, personalization_service_pb2):
        for enum in file.DESCRIPTOR.enum_types_by_name.values():
            prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
            assert enum.values_by_number[0].name == f"{prefix}UNSPECIFIED"
            assert all(value.name.startswith(prefix) for value in enum.values)


def test_field_numbers_read_by_the_scanner() -> None:
    """The scanner names fields by number; here the numbers are compared with the
    names that it reports.
    """
    fields = {field.number: field.name for field in event_pb2.Event.DESCRIPTOR.fields}
    assert [fields[number] for number in range(1, 18)] == [
        "event_id",
        "event_type",
        "subject_id",
        "session_id",
        "occurred_time_us",
        "attributes",
        "device_type",
        "channel",
        "urgency",
        "persona",
        "url",
        "referrer",
        "value_minor",
        "currency_code",
        "traits",
        "consents",
        "tenant_id",
    ]
    assert {f.number: f.name for f in event_pb2.Attribute.DESCRIPTOR.fields} == {
        1: "name", 2: "name_id", 3: "string_value", 4: "int_value", 5: "double_value",
        6: "bool_value", 7: "time_value_us", 8: "null_value",
    }  # fmt: skip
    context = personalization_service_pb2.Context.DESCRIPTOR.fields
    assert {f.number: f.name for f in context} == {
        1: "channel", 2: "placement", 3: "scenario", 4: "device_type", 5: "persona", 6: "urgency",
        7: "attributes",
    }  # fmt: skip


def test_json_names_are_the_camel_case_of_the_fields() -> None:
    for file in (event_pb2, personalization_service_pb2):
        for message in file.DESCRIPTOR.message_types_by_name.values():
            for field in message.fields:
                assert field.json_name == re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), field.name)
