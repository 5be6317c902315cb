"""What libraries say of user agents, and the budget for asking them."""

import asyncio

import pytest
from kairos.v1 import event_pb2
from kairos_server.normalise import Agent, KnownAgents, read_agent
from kairos_server.normalise.known import AGENTS_BURST_MAX, AGENTS_SECOND_MAX
from unit.server_fakes import FakePending

MOZILLA = "Mozilla/5.0 "
WEBKIT = " AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("text", "device", "browser", "os"),
    [
        (f"{MOZILLA}(Windows NT 10.0; Win64; x64){WEBKIT}Chrome/120.0.0.0 Safari/537.36",
         "DESKTOP", "Chrome", "Windows"),
        (f"{MOZILLA}(Linux; Android 14; Pixel 8){WEBKIT}Chrome/120.0.0.0 Mobile Safari/537.36",
         "MOBILE", "Chrome Mobile", "Android"),
        (f"{MOZILLA}(Linux; Android 13; SM-X700){WEBKIT}Chrome/120.0.0.0 Safari/537.36",
         "TABLET", "Chrome", "Android"),
        ((f"{MOZILLA}(iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/12.1 Mobile/15E148 Safari/604.1"), "TABLET", "Mobile Safari", "iOS"),
        (f"{MOZILLA}(X11; CrOS x86_64 14541.0.0){WEBKIT}Chrome/120.0.0.0 Safari/537.36",
         "DESKTOP", "Chrome", "Chrome OS"),
        (f"{MOZILLA}(SMART-TV; Linux; Tizen 6.0){WEBKIT}Version/6.0 TV Safari/537.36",
         "TV", None, "Tizen"),
        ((f"{MOZILLA}(PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/13.0 Safari/605.1.15"), "OTHER", None, None),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1; U; en) Presto/2.8.119 Version/11.10",
         "MOBILE", "Opera Mini", None),
        ("", "UNSPECIFIED", "Other", ""),
        ("something of my own", "UNSPECIFIED", None, None),
    ],
)  # fmt: skip
def test_devices(text: str, device: str, browser: str | None, os: str | None) -> None:
    agent = read_agent(text)
    assert event_pb2.DeviceType.Name(agent.device_type) == f"DEVICE_TYPE_{device}"
    assert not agent.bot
    if browser and browser != "Other":
        assert agent.browser == browser
    if os:
        assert agent.os == os


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("Googlebot-Image/1.0", "Googlebot-Image"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("curl/8.4.0", "curl"),
        ("python-requests/2.31.0", "python-requests"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.1)", "GPTBot"),
    ],
)
def test_bots(text: str, name: str) -> None:
    agent = read_agent(text)
    assert agent.bot
    assert agent.bot_name.lower().startswith(name.lower())
    assert agent.device_type == event_pb2.DEVICE_TYPE_OTHER


def test_texts_fit_the_table() -> None:
    agent = read_agent("x" * 2000 + "Bot/1 " + "é" * 100)
    for text in (agent.browser, agent.browser_version, agent.os, agent.bot_name):
        assert len(text.encode()) <= 64


class Engine:
    """Knows what it was told; a check of n texts tells those that it does not know, 64 at most."""

    def __init__(self) -> None:
        self.known: set[bytes] = set()
        self.checks = 0

    def learn_agent(self, text: bytes, *_: object) -> None:
        self.known.add(text)

    def check(self, tenant: int, request: bytes, received_us: int) -> FakePending:
        self.checks += 1
        unknown = [text for text in request.split() if text not in self.known]
        return FakePending(unknown_agents=tuple(unknown[:64]))


def known_of(engine: Engine, clock: list[int]) -> KnownAgents:
    return KnownAgents(engine, lambda: clock[0], lambda text: Agent(browser=text))


def ask(known: KnownAgents, engine: Engine, *texts: str) -> tuple[bytes, ...]:
    request = " ".join(texts).encode()
    return asyncio.run(known.check(engine.check, 1, request, 0)).unknown_agents


def test_all_of_a_batch_become_known() -> None:
    engine, clock = Engine(), [0]
    known = known_of(engine, clock)
    texts = [f"agent-{number}" for number in range(1000)]
    assert ask(known, engine, *texts) == ()
    assert known.learned_count == 1000
    checks = engine.checks
    assert ask(known, engine, *texts) == ()
    assert engine.checks == checks + 1


def test_a_flood_is_bounded_and_counted() -> None:
    engine, clock = Engine(), [0]
    known = known_of(engine, clock)
    for start in range(0, 4000, 1000):
        ask(known, engine, *(f"agent-{start + number}" for number in range(1000)))
    assert known.learned_count == AGENTS_BURST_MAX
    assert known.refused_count == 2
    assert len(ask(known, engine, "one-more")) == 1
    clock[0] += 1_000_000
    ask(known, engine, *(f"late-{number}" for number in range(1000)))
    assert known.learned_count == AGENTS_BURST_MAX + AGENTS_SECOND_MAX
    # A clock that goes back gives nothing and takes nothing.
    clock[0] -= 5_000_000
    assert len(ask(known, engine, "another")) == 1


def test_a_single_agent_is_read_within_the_budget() -> None:
    known = known_of(Engine(), [0])
    assert asyncio.run(known.agent("x")) == Agent(browser="x")
    assert asyncio.run(known.agent("")) is None
    assert asyncio.run(known.agent("x" * 2049)) is None
    for _ in range(AGENTS_BURST_MAX):
        found = asyncio.run(known.agent("y"))
    assert found is None
