"""IngestService.IngestStream: chunks in, answers out in the same order, several under way."""

import asyncio
import contextlib
from asyncio import Future
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from kairos_native.engine import Pending, Refusal

from kairos_server.errors import Refused, refused_by_engine
from kairos_server.ingest import Writer
from kairos_server.limits import Limits
from kairos_server.normalise import KnownAgents
from kairos_server.rpc.call import Call
from kairos_server.rpc.chunks import Chunk, chunk_answered, chunk_read, chunk_refused


class StreamEngine(Protocol):
    """What the stream needs of kairos_native.engine.Engine."""

    def check_batch(self, tenant: int, request: bytes, received_us: int) -> Pending:
        """Checks a batch; see engine.pyi."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """A chunk that was taken: either on its way through the writer, or refused."""

    chunk: Chunk
    pending: Pending | None = None
    committed: "Future[None] | None" = None
    refused: Refused | None = None

    async def encoded(self) -> bytes:
        """Waits for the commit. Errors: Refused(DISK_FULL, MAP_FULL)."""
        if self.refused is not None:
            return chunk_refused(self.chunk, self.refused)
        assert self.pending is not None
        assert self.committed is not None
        await self.committed
        return chunk_answered(self.chunk, self.pending.response)


class IngestStream:
    """Serves any number of streams; each has one reader task beside the generator that answers.

    Order: chunks enter the writer's queue in the order sent, and the queue keeps it. A full queue
    makes the reader wait instead of refusing, because a chunk that is refused while the next one
    is taken would be out of order when it is sent again.
    Bounds: `stream_chunks_unanswered_max` chunks of a stream are in memory; the transport's flow
    control holds back the rest.
    """

    def __init__(
        self, engine: StreamEngine, writer: Writer, limits: Limits, known: KnownAgents
    ) -> None:
        self._engine = engine
        self._known = known
        self._writer = writer
        self._limits = limits

    async def serve(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """Yields an answer for each chunk; see the contract of the method."""
        answers: asyncio.Queue[_Answer | None] = asyncio.Queue()
        room = asyncio.Semaphore(self._limits.stream_chunks_unanswered_max)
        reader = asyncio.create_task(self._read(requests, call, answers, room))
        reader.add_done_callback(lambda _: answers.put_nowait(None))
        try:
            while (answer := await answers.get()) is not None:
                yield await answer.encoded()
                room.release()
            # Whatever ended the reading ends the stream, now that everything is answered.
            await reader
        finally:
            await self._leave(reader, answers)

    async def _read(
        self,
        requests: AsyncIterator[bytes],
        call: Call,
        answers: "asyncio.Queue[_Answer | None]",
        room: asyncio.Semaphore,
    ) -> None:
        await room.acquire()
        async for data in requests:
            answers.put_nowait(await self._take(chunk_read(data), call))
            await room.acquire()

    async def _take(self, chunk: Chunk, call: Call) -> _Answer:
        """Checks a chunk and queues it, waiting while the queue is full."""
        received_us = self._writer.now_us()
        try:
            if len(chunk.batch) > self._limits.message_size_max:
                raise Refused("REQUEST_TOO_LARGE", "batch", f"{len(chunk.batch)} bytes")
            pending = await self._check(chunk, call.tenant, received_us)
        except Refused as refused:
            return _Answer(chunk, refused=refused)
        while True:
            try:
                return _Answer(chunk, pending, self._writer.offer(pending))
            except Refused as full:
                await asyncio.sleep(full.retry_us / 1e6)

    async def _check(self, chunk: Chunk, tenant: int, received_us: int) -> Pending:
        try:
            return await self._known.check(
                self._engine.check_batch, tenant, chunk.batch, received_us
            )
        except Refusal as refusal:
            raise refused_by_engine(refusal.status, refusal.field, refusal.seen) from None

    async def _leave(
        self, reader: "asyncio.Task[None]", answers: "asyncio.Queue[_Answer | None]"
    ) -> None:
        """Ends the reader, and lets go of what nobody waits for; its commit goes on."""
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, Refused):
            await reader
        while not answers.empty():
            answer = answers.get_nowait()
            if answer is not None and answer.committed is not None:
                answer.committed.cancel()
