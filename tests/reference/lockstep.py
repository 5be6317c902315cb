"""An engine and its reference, driven by the same calls; every answer is compared as it comes."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kairos.v1 import (
    event_pb2,
    ingest_service_pb2,
    personalization_service_pb2,
    profile_service_pb2,
    trigger_service_pb2,
)
from kairos_native.engine import Engine, Pending, Refusal
from kairos_server.catalog import Catalog, DocumentInput, PlanModel, build_image

from reference.active import Active
from reference.engine import Settings
from reference.identities import Key, type_of
from reference.node import Node, Request
from reference.node import Refusal as EventRefused
from reference.wire import Refused

DATABASES = (
    "meta", "subjects", "identities", "documents", "plans", "timers", "outbox", "dead", "producers",
    "history", "counters", "dedupe",
)  # fmt: skip
EPOCHS_KEY = b"\0\0\0\0\0\0applied"
Staged = tuple[Pending, Request]


class Lockstep:
    """One data folder, its engine, and the reference that must agree with it."""

    def __init__(self, folder: Path, now_us: int, kernel: str = "") -> None:
        self.folder, self.now_us, self.kernel = folder, now_us, kernel
        self.node = Node()
        self.catalogs: dict[int, Catalog] = {}
        self.decided_us = 0
        self.engine = self._open()

    def _open(self) -> Engine:
        engine = Engine.open(
            str(self.folder),
            now_us=self.now_us,
            kernel=self.kernel,
            map_size=1 << 28,
            segment_size=1 << 16,
        )
        self.node.start(self.now_us)
        # Decisions that were not taken are gone with the process that answered them.
        self.decided_us = 0
        return engine

    def close(self) -> None:
        self.engine.close()

    # ---- ends and beginnings

    def reopen(self) -> None:
        self.engine.close()
        self.engine = self._open()

    def crash(self, target: Path) -> None:
        """Goes on with a copy of the folder as it is now, which no close has touched, as after a
        kill.
        """
        copy_folder(self.folder, target, self.engine.figures()["view_bytes"])
        self.engine.close()
        self.folder = target
        self.engine = self._open()

    def rebuild(self, *, checkpoints: bool) -> None:
        self.engine.close()
        shutil.rmtree(self.folder / "view")
        if not checkpoints:
            shutil.rmtree(self.folder / "checkpoints")
        self.engine = self._open()

    def dumps(self) -> dict[str, dict[bytes, bytes]]:
        """Every database; of META without the applied position, which each start moves."""
        found = {name: dict(self.engine.dump(name)) for name in DATABASES}
        del found["meta"][EPOCHS_KEY]
        return found

    # ---- requests

    def settings(self, tenant: int, settings: Settings) -> Staged:
        pending = self.engine.tenant_settings(
            tenant,
            settings.name,
            settings.hash_key,
            int(settings.event_time),
            self.now_us,
            ahead_us_max=settings.ahead_us,
            behind_us_max=settings.behind_us,
            lateness_us_max=settings.lateness_us,
            session_gap_us=settings.gap_us,
        )
        return pending, Request(tenant, self.now_us, settings=settings)

    def compile(
        self, tenant: int, documents: Sequence[DocumentInput], removed: Sequence[str]
    ) -> tuple[PlanModel, Staged]:
        """Compiles a version of the documents and stores its image; what is staged is the record of
        the documents.
        """
        catalog = self.catalogs.get(tenant) or Catalog.from_documents(tenant, {})
        applied = catalog.apply(documents, removed, "author", "note", self.now_us)
        self.catalogs[tenant] = applied.catalog
        pending = self.engine.documents(tenant, applied.entries, self.now_us)
        return applied.model, (pending, Request(tenant, self.now_us, silent_count=1))

    def activation(self, tenant: int, model: PlanModel) -> Staged:
        plan_id = self.engine.store_plan(build_image(model))
        pending = self.engine.activation(tenant, plan_id, self.now_us)
        return pending, Request(tenant, self.now_us, active=Active.of(model, plan_id))

    def ingest(self, tenant: int, event: event_pb2.Event) -> Staged | None:
        data = event.SerializeToString()
        request = self.node.check(tenant, [data], self.now_us, batch=False)
        try:
            whole = ingest_service_pb2.IngestRequest(event=event).SerializeToString()
            pending = self.engine.check_ingest(tenant, whole, self.now_us)
        except Refusal as refusal:
            alike(refusal, getattr(request.events[0], "refused", None))
            return None
        assert not isinstance(request.events[0], EventRefused), (request.events[0], event)
        return pending, request

    def batch(self, tenant: int, events: Sequence[event_pb2.Event]) -> Staged:
        data = ingest_service_pb2.IngestBatchRequest(events=events).SerializeToString()
        request = self.node.check(
            tenant, [event.SerializeToString() for event in events], self.now_us, batch=True
        )
        return self.engine.check_batch(tenant, data, self.now_us), request

    def link(self, tenant: int, left: Key, right: Key) -> Staged:
        sides = [(type_of(key), key[1] if isinstance(key, tuple) else key) for key in (left, right)]
        pending = self.engine.link(tenant, *sides, 4, 0.5, b"", self.now_us)
        return pending, Request(tenant, self.now_us, link=(left, right))

    def unlink(self, tenant: int, link_id: int) -> Staged:
        pending = self.engine.unlink(tenant, link_id, self.now_us)
        return pending, Request(tenant, self.now_us, unlink=link_id)

    def decisions(self) -> Staged | None:
        pending = self.engine.take_decisions()
        if pending is None:
            return None
        decided_us, self.decided_us = self.decided_us, 0
        return pending, Request(-1, decided_us, silent_count=pending.record_count)

    def commit(self, *staged: Staged | None) -> list[Any]:
        """Commits and compares the answers; returns them."""
        present = [one for one in staged if one is not None]
        self.engine.commit([pending for pending, _ in present], self.now_us)
        expected = self.node.commit([request for _, request in present])
        answers = []
        for (pending, request), answer in zip(present, expected, strict=True):
            if isinstance(answer, tuple):
                assert self.engine.link_outcome(pending) == answer
                answers.append(answer)
                continue
            if answer is None:
                assert pending.response == b""
                continue
            found = type(answer).FromString(pending.response)
            found.processing_time_us = 0
            for result in found.results if request.batch else ():
                result.error.description = ""
                if not result.error.reason:
                    result.ClearField("error")
            same(found, answer)
            answers.append(found)
        assert self.engine.figures()["applied_sequence"] == self.node.sequence
        return answers

    # ---- reads

    def decide(
        self, tenant: int, request: personalization_service_pb2.DecideRequest
    ) -> bytes | None:
        """The response's bytes, after comparing them; None where it was refused."""
        known = self.node.tenants[tenant]
        data = request.SerializeToString()
        try:
            response = self.engine.decide(tenant, data, self.now_us)
        except Refusal as refusal:
            refused(refusal, lambda: known.decide(data, self.node.sequence, self.now_us))
            return None
        found = personalization_service_pb2.DecideResponse.FromString(response)
        expected = known.decide(data, self.node.sequence, self.now_us)
        self.decided_us = max(self.decided_us, self.now_us)
        expected.decision_id = self.node.decision_id(tenant)
        found.processing_time_us = 0
        same(found, expected)
        return response

    def evaluate(self, tenant: int, event: event_pb2.Event, wanted: Sequence[str]) -> None:
        request = trigger_service_pb2.EvaluateRequest(event=event, trigger_ids=wanted)
        known, data = self.node.tenants[tenant], event.SerializeToString()
        try:
            response = self.engine.evaluate(tenant, request.SerializeToString(), self.now_us)
        except Refusal as refusal:
            refused(refusal, lambda: known.evaluate(data, wanted, self.node.sequence, self.now_us))
            return
        found = trigger_service_pb2.EvaluateResponse.FromString(response)
        found.processing_time_us = 0
        same(found, known.evaluate(data, wanted, self.node.sequence, self.now_us))

    def profile(self, tenant: int, subject_id: str | Key, at_us: int | None = None) -> None:
        known = self.node.tenants[tenant]
        key = subject_id.encode() if isinstance(subject_id, str) else subject_id
        identifier = key[1] if isinstance(key, tuple) else key
        try:
            response = self.engine.profile(
                tenant, identifier, at_us, self.now_us, identifier_type=type_of(key)
            )
        except Refusal as refusal:
            refused(refusal, lambda: known.profile(key, at_us, self.now_us))
            return
        found = profile_service_pb2.GetProfileResponse.FromString(response)
        assert found.profile.stored_bytes > 0
        found.profile.stored_bytes = 0
        same(found, known.profile(key, at_us, self.now_us))

    def profiles(self) -> None:
        """Compares every subject of every tenant."""
        for number, tenant in self.node.tenants.items():
            for subject_id in tenant.subjects if tenant.active else ():
                self.profile(number, subject_id)


def copy_folder(source: Path, target: Path, view_size: int) -> None:
    """Copies a data folder; of the view's file, most of which is reserved room, only the bytes in
    use.
    """

    def copy(path: str, copied: str) -> None:
        if not path.endswith("data.mdb"):
            shutil.copyfile(path, copied)
            return
        with open(path, "rb") as file, open(copied, "wb") as result:
            result.write(file.read(view_size))
            result.truncate(Path(path).stat().st_size)

    shutil.copytree(source, target, copy_function=copy)


def refused(refusal: Refusal, expected: Any) -> None:
    try:
        answer = expected()
    except Refused as reason:
        alike(refusal, reason)
    else:
        raise AssertionError(f"refused {refusal.args} {refusal.field}, expected {answer}")


def alike(refusal: Refusal, reason: Refused | None) -> None:
    assert reason is not None, refusal
    assert (refusal.status, refusal.field) == (reason.status, reason.field)


def same(found: Any, expected: Any) -> None:
    """Messages are compared as bytes, so that doubles must agree to the bit."""
    if found.SerializeToString(deterministic=True) != expected.SerializeToString(
        deterministic=True
    ):
        lines = difflib.unified_diff(
            str(expected).splitlines(), str(found).splitlines(), "reference", "engine", n=6
        )
        raise AssertionError("\n".join(lines))
