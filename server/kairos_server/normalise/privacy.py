"""A privacy-compliant event -> an ordinary event of an anonymous subject, and what was taken out.

What each consent level and anonymization keeps stands in docs/guides/ingest.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kairos.v1 import event_pb2, ingest_service_pb2
from kairos_native.engine import canonical_name

from kairos_server.errors import Refused

from .agents import Agent

MINUTE_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000
RETENTION_DAYS_MAX: Final = 3_650
RETENTION_DAYS_DEFAULT: Final = 30

_NECESSARY = ingest_service_pb2.CONSENT_LEVEL_NECESSARY
_LEVELS: Final = {
    _NECESSARY: "necessary",
    ingest_service_pb2.CONSENT_LEVEL_ANALYTICS_ONLY: "analytics_only",
    ingest_service_pb2.CONSENT_LEVEL_MARKETING: "marketing",
    ingest_service_pb2.CONSENT_LEVEL_FULL: "full",
}
_GRANTED: Final[dict[str, Sequence[str]]] = {
    "necessary": (),
    "analytics_only": ("analytics",),
    "marketing": ("analytics", "marketing", "personalization"),
}
_SHARING: Final = {
    ingest_service_pb2.DATA_SHARING_UNSPECIFIED: "none",
    ingest_service_pb2.DATA_SHARING_NONE: "none",
    ingest_service_pb2.DATA_SHARING_INTERNAL: "internal",
    ingest_service_pb2.DATA_SHARING_PARTNERS: "partners",
}
_NONE = ingest_service_pb2.ANONYMIZATION_NONE
_LOW = ingest_service_pb2.ANONYMIZATION_LOW
_HIGH = ingest_service_pb2.ANONYMIZATION_HIGH
_RETENTION = re.compile(r"([1-9][0-9]{0,3})_days?\Z")
_USER = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2})[^/?#\\]*@")
_SITE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}[^/?#\\]*")
# Texts that say who somebody is, whatever the attribute is called.
_ADDRESS = re.compile(
    r"[^\s@]@[^\s@.]+\.[^\s@]"
    r"|(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])"
    r"|(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![0-9A-Fa-f:])"
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the tenant's plan says."""

    purposes: Sequence[str] = ()
    personal: frozenset[str] = frozenset()
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    essential: frozenset[str] = frozenset()
    retention_days: int = RETENTION_DAYS_DEFAULT

    @classmethod
    def of_plan(cls, meta: Mapping[str, Any]) -> "Rules":
        """Returns the rules in the meta section of a plan."""
        schema = meta.get("schema", {})
        policy = meta.get("policies", {}).get("privacy", {})
        return cls(
            tuple(schema.get("purposes", ())),
            frozenset(schema.get("personal", ())),
            policy.get("levels", {}),
            frozenset(policy.get("essential_attributes", ())),
            policy.get("retention_days", RETENTION_DAYS_DEFAULT),
        )

    def granted(self, level: str) -> list[str]:
        """Returns the purposes that a level grants, in the schema's order."""
        stated = self.levels.get(level, _GRANTED.get(level, self.purposes))
        return [purpose for purpose in self.purposes if purpose in stated]


@dataclass(frozen=True, slots=True)
class Anonymised:
    """The event to ingest, and what the answer says of it."""

    event: event_pb2.Event
    anonymization: ingest_service_pb2.Anonymization
    granted: list[str]
    denied: list[str]
    removed: list[str]
    coarsened: list[str]
    retention_days: int
    places: list[int]
    """Index in the request of each attribute that stayed."""

    def field(self, name: str) -> str:
        """Returns a field of the event as the request calls it."""
        found = re.match(r"attributes\[([0-9]+)\](.*)\Z", name)
        if found and int(found[1]) < len(self.places):
            return f"attributes[{self.places[int(found[1])]}]{found[2]}"
        return "anonymized_session_id" if name == "subject_id" else name

    def expire_time_us(self) -> int:
        """Returns when the retention ends."""
        return self.event.occurred_time_us + self.retention_days * DAY_US


def anonymise(
    request: ingest_service_pb2.IngestPrivacyEventRequest,
    rules: Rules,
    agent: Agent | None,
    received_us: int,
) -> Anonymised:
    """Returns the request as an event. `agent`: what its user agent is; None: not known.

    Errors: Refused (CONSENT_LEVEL_INVALID, RETENTION_INVALID, ENUM_INVALID, SUBJECT_MISSING,
            ATTRIBUTE_NAME_MISSING, ATTRIBUTE_NAME_INVALID)
    """
    return _Anonymiser(request, rules, received_us).anonymised(agent)


class _Anonymiser:
    """Takes one request apart and keeps what may stay."""

    def __init__(
        self,
        request: ingest_service_pb2.IngestPrivacyEventRequest,
        rules: Rules,
        received_us: int,
    ) -> None:
        self._request, self._rules = request, rules
        self._level = _level(request)
        self._strength = _strength(request, self._level)
        self._received_us = received_us
        self._removed: list[str] = []
        self._coarsened: list[str] = []
        self._places: list[int] = []

    def anonymised(self, agent: Agent | None) -> Anonymised:
        request = self._request
        days = _days(request.privacy_settings.retention, self._rules.retention_days)
        sharing = _SHARING.get(request.privacy_settings.sharing)
        if sharing is None:
            raise Refused("ENUM_INVALID", "privacy_settings.sharing")
        event = event_pb2.Event(
            event_id=request.event_id,
            event_type=request.event_type,
            subject_id=request.anonymized_session_id,
            subject_type=event_pb2.IDENTIFIER_TYPE_ANONYMOUS,
            channel=request.channel,
            device_type=request.device_type,
            tenant_id=request.tenant_id,
            url=self._address("url", request.url),
            referrer=self._referrer(request.referrer),
            occurred_time_us=self._time(),
            attributes=self._attributes(),
        )
        self._agent(event, agent)
        event.attributes.add(name="retention_days", int_value=days)
        event.attributes.add(name="data_sharing", string_value=sharing)
        event.attributes.add(name="consent_level", string_value=self._level)
        granted = self._rules.granted(self._level)
        for purpose in self._rules.purposes:
            given = purpose in granted
            status = event_pb2.CONSENT_STATUS_GRANTED if given else event_pb2.CONSENT_STATUS_DENIED
            event.consents.add(purpose=purpose, status=status)
        denied = [purpose for purpose in self._rules.purposes if purpose not in granted]
        return Anonymised(
            event,
            self._strength,
            granted,
            denied,
            self._removed,
            self._coarsened,
            days,
            self._places,
        )

    def _attributes(self) -> list[event_pb2.Attribute]:
        own = {"retention_days", "data_sharing", "consent_level"}
        kept = []
        for index, attribute in enumerate(self._request.attributes):
            name = _name(attribute, index)
            if name in own:
                raise Refused("ATTRIBUTE_RESERVED", f"attributes[{index}].name", name)
            if self._may_stay(name, attribute):
                kept.append(attribute)
                self._places.append(index)
            else:
                self._removed.append(f"attributes.{name}")
        return kept

    def _may_stay(self, name: str, attribute: event_pb2.Attribute) -> bool:
        if self._level == "necessary" and name not in self._rules.essential:
            return False
        if self._strength == _NONE:
            return True
        return name not in self._rules.personal and not _ADDRESS.search(attribute.string_value)

    def _address(self, name: str, text: str) -> str:
        """An address without user; without query (high), or with campaign parameters only (low)."""
        if self._strength == _NONE:
            return text
        head, _, query = text.partition("#")[0].partition("?")
        short = _USER.sub(r"\1", head)
        if self._strength == _LOW:
            stays = [pair for pair in query.split("&") if pair.startswith("utm_")]
            short += "?" + "&".join(stays) if stays else ""
        if short != text:
            self._coarsened.append(name)
        return short

    def _referrer(self, text: str) -> str:
        if not text:
            return ""
        if self._level == "necessary":
            self._removed.append("referrer")
            return ""
        if self._strength != _HIGH:
            return self._address("referrer", text)
        site = _SITE.match(_USER.sub(r"\1", text))
        if site is None:
            self._removed.append("referrer")
            return ""
        if site[0] != text:
            self._coarsened.append("referrer")
        return site[0]

    def _time(self) -> int:
        stated = self._request.HasField("occurred_time_us")
        time_us = self._request.occurred_time_us if stated else self._received_us
        if self._strength != _HIGH or time_us < 0:
            return time_us
        if stated and time_us % MINUTE_US:
            self._coarsened.append("occurred_time_us")
        return time_us - time_us % MINUTE_US

    def _agent(self, event: event_pb2.Event, agent: Agent | None) -> None:
        text = self._request.user_agent
        if not text:
            return
        if self._strength == _NONE:
            event.user_agent = text
            return
        self._removed.append("user_agent")
        if agent is None or self._level == "necessary":
            return
        if not event.device_type:
            event.device_type = agent.device_type
        names = {attribute.name for attribute in event.attributes}
        known = {"browser": agent.browser, "os": agent.os} if self._strength == _LOW else {}
        for name, value in known.items():
            if value and name not in names:
                event.attributes.add(name=name, string_value=value)
        if "bot" not in names:
            event.attributes.add(name="bot", bool_value=agent.bot)


def _level(request: ingest_service_pb2.IngestPrivacyEventRequest) -> str:
    level = _LEVELS.get(request.consent_level)
    if level is None:
        if request.consent_level not in ingest_service_pb2.ConsentLevel.values():
            raise Refused("ENUM_INVALID", "consent_level", str(request.consent_level))
        raise Refused("CONSENT_LEVEL_INVALID", "consent_level")
    if not request.anonymized_session_id:
        raise Refused("SUBJECT_MISSING", "anonymized_session_id")
    return level


def _strength(
    request: ingest_service_pb2.IngestPrivacyEventRequest, level: str
) -> ingest_service_pb2.Anonymization:
    """Returns the stricter of what is asked for and what the level needs."""
    asked = request.privacy_settings.anonymization
    if asked not in ingest_service_pb2.Anonymization.values():
        raise Refused("ENUM_INVALID", "privacy_settings.anonymization", str(asked))
    least = {"necessary": _HIGH, "analytics_only": _LOW}.get(level, _NONE)
    return max(asked or _HIGH, least)


def _days(retention: str, default: int) -> int:
    if not retention:
        return default
    found = _RETENTION.match(retention)
    if found is None or int(found[1]) > RETENTION_DAYS_MAX:
        raise Refused("RETENTION_INVALID", "privacy_settings.retention", retention)
    return int(found[1])


def _name(attribute: event_pb2.Attribute, index: int) -> str:
    if not attribute.name:
        raise Refused("ATTRIBUTE_NAME_MISSING", f"attributes[{index}].name")
    try:
        return canonical_name(attribute.name)
    except ValueError:
        raise Refused(
            "ATTRIBUTE_NAME_INVALID", f"attributes[{index}].name", attribute.name
        ) from None
