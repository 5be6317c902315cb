"""Inputs are cut into the same records wherever a run begins."""

import gzip
import io
import json
import random
import sys

import pytest
from kairos_server.importing import ImportFailed, source_open
from kairos_server.importing.source import Position


def opened(path, data, **flags):
    path.write_bytes(data)
    return source_open(str(path), **{"json": False, **flags})


def records(source, start=None, *, rows=False):
    try:
        chunks = list(source.chunks(start or source.begin, rows=rows))
    finally:
        source.close()
    return [
        (line, record)
        for chunk in chunks
        for line, record in zip(chunk.lines, chunk.records, strict=True)
    ], [chunk.end for chunk in chunks]


def lines_of(count):
    return [f"line {number}\n".encode() for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 3500])
def test_lines_have_numbers_and_every_chunk_is_a_place_to_go_on(tmp_path, count):
    lines = lines_of(count)
    whole, ends = records(opened(tmp_path / "f", b"".join(lines)))
    assert whole == list(enumerate(lines, 1))
    for end in ends:
        rest, _ = records(opened(tmp_path / "f", b"".join(lines)), end)
        assert rest == whole[end.line - 1 :]
        assert end.offset == sum(map(len, lines[: end.line - 1]))


def test_empty_lines_count_but_are_no_records(tmp_path):
    whole, _ = records(opened(tmp_path / "f", b"a\n\n  \nb"))
    assert whole == [(1, b"a\n"), (4, b"b")]


def test_gzip_and_plain_are_one_input(tmp_path):
    data = b"".join(lines_of(2500))
    plain = opened(tmp_path / "f", data)
    packed = opened(tmp_path / "f.gz", gzip.compress(data))
    assert packed.prefix == plain.prefix
    whole, ends = records(packed)
    assert whole == records(plain)[0]
    again = opened(tmp_path / "f.gz", gzip.compress(data))
    assert records(again, ends[1])[0] == whole[2000:]


def test_damaged_gzip_is_one_sentence(tmp_path):
    data = gzip.compress(random.Random(1).randbytes(300_000))
    with pytest.raises(ImportFailed, match=r"f\.gz"):
        records(opened(tmp_path / "f.gz", data[:-5_000]))


def test_standard_input_goes_on_too(monkeypatch):
    data = b"".join(lines_of(1500))

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation

    def read(start=None):
        monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": Pipe(data)}))
        return records(source_open("-", json=False), start)

    whole, ends = read()
    assert [line for line, _ in whole] == list(range(1, 1501))
    assert read(ends[0])[0] == whole[1000:]


def test_rows_span_lines_and_keep_the_number_of_their_first(tmp_path):
    data = b'h1,h2\n1,"a\nb"\n2,c\n3,"d ""x""\n\ne"\n4,f\n'
    source = opened(tmp_path / "f.csv", data)
    assert source.header() == b"h1,h2\n"
    whole, _ = records(source, rows=True)
    assert whole == [
        (2, b'1,"a\nb"\n'), (4, b"2,c\n"), (5, b'3,"d ""x""\n\ne"\n'), (8, b"4,f\n"),
    ]  # fmt: skip


def test_an_open_quote_does_not_swallow_the_rest(tmp_path):
    data = b'h\n"open\n' + b"x\n" * 5_000
    source = opened(tmp_path / "f.csv", data)
    source.header()
    whole, _ = records(source, rows=True)
    assert whole[0][1].count(b"\n") == 1000
    assert len(whole) == 1 + 5_000 - 999


def test_byte_order_mark_is_no_part_of_the_header(tmp_path):
    source = opened(tmp_path / "f.csv", b"\xef\xbb\xbfa,b\n1,2\n")
    assert source.header() == b"a,b\n"


@pytest.mark.parametrize(
    "text",
    [
        '[{"a":1},{"a":2}]',
        '[\n {"a": 1},\n {"a": 2}\n]\n',
        '{"batch":[{"a":1},{"a":2}]}',
        '{\n"batch":[{"a":1},\n{"a":2}]}',
        '{"batch":[{"a":1},\n{"a":2}]}',
    ],
)
def test_documents_are_elements(tmp_path, text):
    data = text.encode()
    source = opened(tmp_path / "f.json", data, json=True)
    whole, ends = records(source)
    assert [(line, json.loads(record)) for line, record in whole] == [(1, {"a": 1}), (2, {"a": 2})]
    assert records(opened(tmp_path / "f.json", data, json=True), ends[-1])[0] == []


def test_json_lines_are_no_document(tmp_path):
    assert not opened(tmp_path / "f", b'{"a":1}\n{"a":2}\n', json=True).document
    assert not opened(tmp_path / "f", b'{"a":1}', json=True).document
    assert not opened(tmp_path / "f", b"not json\n", json=True).document


def test_a_shorter_input_than_before_is_told(tmp_path):
    source = opened(tmp_path / "f.gz", gzip.compress(b"a\n"))
    with pytest.raises(ImportFailed, match="--restart"):
        records(source, Position(1_000, 500))


def test_missing_file_and_folder_are_told(tmp_path):
    for name in (tmp_path / "none", tmp_path):
        with pytest.raises(ImportFailed, match=str(name)):
            source_open(str(name), json=False)
