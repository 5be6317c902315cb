"""A normalised log needs no library: the view comes back entry by entry from a process that was
told of no user agent.
"""

import random
import shutil
from pathlib import Path

from kairos.v1 import event_pb2, ingest_service_pb2
from reference import intake
from reference.shop import TENANT, opened
from reference.tenants import START, document

AGENTS = {
    "chrome": (b"Chrome", False, event_pb2.DEVICE_TYPE_DESKTOP),
    "phone": (b"Chrome Mobile", False, event_pb2.DEVICE_TYPE_MOBILE),
    "spider": (b"", True, event_pb2.DEVICE_TYPE_OTHER),
}
CONDITIONS = {
    "priced": 'event.url_path == "/pricing" && event.bot == false',
    "mobile_search": 'event.device_type == "mobile" && event.traffic_source == "search"',
    "many_pages": 'count("view", {"url_path": "/pricing"}) > 2 && event.url_path == "/x"',
    "campaign": 'count("view", {"utm_source": "news", "browser": "Chrome"}, "7d") >= 2',
}
SCHEMA = {
    "unknown_attributes": "drop",
    "normalise": {"url": True, "referrer": True, "user_agent": "reduce", "query_allow": ["q"]},
}


def test_the_view_comes_back_without_a_library(tmp_path: Path) -> None:
    triggers = [document("trigger", name, condition=text) for name, text in CONDITIONS.items()]
    engine = intake.tenant(tmp_path, SCHEMA, *triggers).engine
    for text, (browser, bot, device) in AGENTS.items():
        name = b"Spider" if bot else b""
        engine.learn_agent(text.encode(), device, bot, browser, b"1", b"", name)
    rng = random.Random(8)
    fired = 0
    for start in range(0, 600, 100):
        request = ingest_service_pb2.IngestBatchRequest()
        for number in range(start, start + 100):
            request.events.add(
                event_type="view",
                event_id=str(number),
                subject_id=f"u{rng.randrange(9)}",
                occurred_time_us=START + number * 1_000_000,
                url=rng.choice(["/pricing?q=1&x=2", "https://a.b/x?utm_source=news", "/x#y"]),
                referrer=rng.choice(["", "https://www.google.com/", "/home"]),
                user_agent=rng.choice([*AGENTS, "never seen"]),
                attributes=[event_pb2.Attribute(name="token", string_value="secret")],
            )
        pending = engine.check_batch(TENANT, request.SerializeToString(), START)
        engine.commit([pending], START)
        answer = ingest_service_pb2.IngestBatchResponse.FromString(pending.response)
        fired += sum(len(result.triggers) for result in answer.results)
    assert fired > 100
    assert not any("token" in intake.values(e) for e in intake.log_events(engine))
    subjects = list(engine.dump("subjects"))
    counts = engine.counts(TENANT)
    engine.close()
    shutil.rmtree(tmp_path / "view")
    again = opened(tmp_path)
    assert list(again.dump("subjects")) == subjects
    assert again.counts(TENANT) == counts
    again.close()
