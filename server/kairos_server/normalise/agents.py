"""User agent -> device, browser, operating system, bot; by ua-parser and crawler-user-agents.

ua-parser names browser and system by regular expressions that its project keeps; its matcher is
linear in the text. crawler-user-agents is a list of patterns of bots, most of them plain texts:
those are looked for as such, and only the rest by a regular expression. Both are bounded by the
contract's 2,048 bytes.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kairos.v1 import event_pb2

TEXT_SIZE_MAX: Final = 64
"""Bytes of each text that the core keeps."""
_PLAIN: Final = re.compile(r"(?:[^\\.^$*+?{}\[\]|()]|\\[/\\.\-+()\[\]{}:_ @!,;'&~#=<>\"])+\Z")
_START: Final = 3
"""Letters by which plain texts are looked up; three are shared by few of them."""
_DEVICES: Final[dict[str, event_pb2.DeviceType]] = {
    "mobile": event_pb2.DEVICE_TYPE_MOBILE,
    "desktop": event_pb2.DEVICE_TYPE_DESKTOP,
    "tablet": event_pb2.DEVICE_TYPE_TABLET,
    "tv": event_pb2.DEVICE_TYPE_TV,
    "other": event_pb2.DEVICE_TYPE_OTHER,
}
# The first that is found decides. A television says so beside the name of a phone's system, a
# tablet beside that of a desktop's.
_DEVICE_MARKS: Final = (
    ("tv", re.compile(
        r"SMART-?TV|SmartTV|HbbTV|GoogleTV|Google TV|Android TV|AppleTV|Apple TV|tvOS|BRAVIA|CrKey"
        r"|\bAFT[A-Z]|\bRoku|NetCast|Web0S|webOS.TV|\bTV\b|DTV|PhilipsTV|VIERA|Opera TV")),
    ("other", re.compile(
        r"PlayStation|PLAYSTATION|Xbox|Nintendo|Watch\b|OculusBrowser|SmartFridge|Tesla/")),
    ("tablet", re.compile(
        r"iPad|PlayBook|Kindle|Silk/(?!.*Mobile)|Tablet(?! PC)|SM-T\d|GT-P\d|Nexus (?:7|9|10)\b"
        r"|Xoom|TouchPad|RIM Tablet")),
    ("mobile", re.compile(
        r"iPhone|iPod|Windows Phone|IEMobile|BlackBerry|BB10|Opera Mini|Opera Mobi|Symbian|SymbOS"
        r"|Series ?[46]0|KAIOS|MeeGo|Maemo|Bada|webOS|J2ME|MIDP|UP\.Browser|Nokia|SonyEricsson"
        r"|Android.*Mobile|Mobile.*Firefox|Windows CE|DoCoMo|KDDI")),
    ("tablet", re.compile(r"Android")),
    ("desktop", re.compile(
        r"Windows NT|Windows 9[58]|Win9[58]|WinNT|Windows;|Macintosh|Mac OS X|Mac_PowerPC|X11|CrOS"
        r"|Linux|FreeBSD|OpenBSD|NetBSD|SunOS|Ubuntu")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent is; empty texts: not known."""

    device_type: event_pb2.DeviceType = event_pb2.DEVICE_TYPE_UNSPECIFIED
    bot: bool = False
    browser: str = ""
    browser_version: str = ""
    os: str = ""
    bot_name: str = ""


@dataclass(frozen=True, slots=True)
class _Bots:
    plain: Mapping[str, Sequence[tuple[str, str]]]
    """First letters -> (text that a bot's user agent holds, name); START of them, or fewer."""
    others: re.Pattern[str]
    names: tuple[tuple[re.Pattern[str], str], ...]

    def name(self, text: str) -> str | None:
        """Returns the name of the bot, or None for what is none."""
        starts = {text[i : i + _START] for i in range(len(text))}
        found = [
            (part, name)
            for start in starts & self.plain.keys()
            for part, name in self.plain[start]
            if part in text
        ]
        if found:
            return max(found, key=lambda entry: (len(entry[0]), entry[0]))[1]
        if not self.others.search(text):
            return None
        return next((name for pattern, name in self.names if pattern.search(text)), "bot")


@functools.cache
def load_bots() -> _Bots:
    """Returns the patterns of bots, the longest first, so that the most exact one names the bot.

    Cost: some tens of milliseconds, once
    """
    # Here, because loading takes long and most servers normalise nothing at first.
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # noqa: PLC0415

    patterns = sorted((entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA), key=len)[::-1]
    plain = [p for p in patterns if _PLAIN.match(p) and len(p) >= _START]
    others = [p for p in patterns if p not in set(plain)]
    by_start: dict[str, list[tuple[str, str]]] = {}
    for pattern in plain:
        text = re.sub(r"\\(.)", r"\1", pattern)
        by_start.setdefault(text[:_START], []).append((text, _bot_name(pattern)))
    return _Bots(
        by_start,
        re.compile("|".join(f"(?:{p})" for p in others)),
        tuple((re.compile(p), _bot_name(p)) for p in others),
    )


def _bot_name(pattern: str) -> str:
    """Returns a pattern as a name: its letters, digits, spaces, dots, dashes and underscores."""
    text = re.sub(r"\[([A-Za-z])[A-Za-z]\]", r"\1", pattern)
    text = re.sub(r"\\[bdswBDSW]", "", text).replace("\\", "")
    return cut(re.sub(r"[^A-Za-z0-9 ._-]+", " ", text).strip(" ._-").strip() or "bot")


def cut(text: str) -> str:
    """Returns the text cut at a character to what the core keeps."""
    return text.encode()[:TEXT_SIZE_MAX].decode("utf-8", "ignore")


def read_agent(text: str) -> Agent:
    """Returns what a user agent is.

    Cost: about a third of a millisecond; the first call loads both libraries (half a second)
    """
    from ua_parser import parse  # noqa: PLC0415

    found = parse(text)
    name = load_bots().name(text)
    spider = found.device is not None and found.device.family == "Spider"
    browser, version = "", ""
    if found.user_agent is not None:
        browser = found.user_agent.family
        parts = (found.user_agent.major, found.user_agent.minor)
        version = ".".join(part for part in parts if part)
    if spider and name is None:
        name = browser or "bot"
    return Agent(
        device_type=_DEVICES["other"] if name is not None else _device_type(text),
        bot=name is not None,
        browser=cut(browser),
        browser_version=cut(version),
        os=cut(found.os.family) if found.os is not None and found.os.family != "Other" else "",
        bot_name=cut(name or ""),
    )


def _device_type(text: str) -> event_pb2.DeviceType:
    for name, marks in _DEVICE_MARKS:
        if marks.search(text):
            return _DEVICES[name]
    return event_pb2.DEVICE_TYPE_UNSPECIFIED
