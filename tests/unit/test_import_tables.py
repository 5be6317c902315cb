"""Lines of access logs and rows of CSV become the events that the guide says."""

import pytest
from kairos.v1 import event_pb2
from kairos_server.importing import MapperOptions, MappingError, mapper_of
from unit.import_records import mapped, micro, refusal, values

# ------------------------------------------------------------------ access logs

LINE = (
    b'203.0.113.9 - %s [17/May/2015:10:05:03 +0200] "%s" %d 512 "%s" "Mozilla/5.0 \\"q\\" \\x41"\n'
)


def line(request=b"GET /pricing?a=1 HTTP/1.1", status=200, user=b"-", referrer=b"-"):
    return LINE % (user, request, status, referrer)


def test_access_log_line_becomes_a_page_view():
    event = mapped("access-log", line(referrer=b"https://r.example/"))
    assert (event.event_type, event.url, event.referrer) == (
        "page_view", "/pricing?a=1", "https://r.example/",
    )  # fmt: skip
    assert event.user_agent == 'Mozilla/5.0 "q" A'
    assert event.occurred_time_us == micro("2015-05-17T08:05:03")
    assert values(event.attributes) == {
        "method": "GET", "protocol": "HTTP/1.1", "status": 200, "bytes": 512,
    }  # fmt: skip
    assert event.subject_type == event_pb2.IDENTIFIER_TYPE_ANONYMOUS
    assert b"203.0.113.9" not in event.SerializeToString()


@pytest.mark.parametrize(
    ("request_line", "status", "expected"),
    [
        (b"GET / HTTP/1.1", 200, "page_view"), (b"GET / HTTP/1.1", 304, "page_view"),
        (b"GET /a.b/page HTTP/1.1", 200, "page_view"), (b"GET /v1.2 HTTP/1.1", 200, "page_view"),
        (b"GET / HTTP/1.1", 404, "request"), (b"GET / HTTP/1.1", 301, "request"),
        (b"POST /buy HTTP/1.1", 200, "request"), (b"GET /x.PNG?v=2 HTTP/1.1", 200, "request"),
        (b"GET /robots.txt HTTP/1.1", 200, "request"), (b"-", 408, "request"),
        (b"\\x16\\x03\\x01", 400, "request"),
    ],
)  # fmt: skip
def test_what_is_a_page(request_line, status, expected):
    assert mapped("access-log", line(request_line, status)).event_type == expected
    left = mapped("access-log", line(request_line, status), pages_only=True)
    assert (left is not None) == (expected == "page_view")


def test_visitors_are_told_apart_under_a_salt():
    one, other = (mapped("access-log", line(), salt=salt).subject_id for salt in ("", "s"))
    assert one != other
    assert len(one) == len(other) == 32
    assert mapped("access-log", line(b"GET /b HTTP/1.1")).subject_id == one
    user = mapped("access-log", line(user=b"ada"))
    assert (user.subject_id, user.identifiers[0].value) == ("ada", one)


def test_common_log_format_and_lines_that_are_none():
    common = b'::1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/2" 200 -\r\n'
    event = mapped("access-log", common)
    assert (event.event_type, event.user_agent) == ("page_view", "")
    assert "bytes" not in values(event.attributes)
    for wrong in (b"hello\n", common.replace(b"Jan", b"Foo"), common.replace(b"01/J", b"32/J")):
        assert refusal("access-log", wrong)


# ------------------------------------------------------------------ CSV

HEADER = ("Order", "Customer", "When", "Quantity", "Price", "Country", "Gift")
ROW = b'C5,17850.0,2010-12-01 08:26,3,2.55,"United ""K"" \nKingdom",yes\n'
MAPPING = {
    "event_type": {
        "column": "Order", "match": [{"pattern": "^C", "value": "cancellation"}],
        "default": "purchase",
    },
    "subject_id": {"column": "Customer", "type": "int"},
    "time": {"column": "When", "format": "%Y-%m-%d %H:%M", "zone": "Europe/London"},
    "value": {"multiply": ["Quantity", "Price"], "currency": "GBP"},
    "attributes": {
        "order": {"column": "Order", "type": "text"}, "quantity": "Quantity",
        "gift": {"column": "Gift", "type": "bool"}, "price": {"column": "Price", "type": "double"},
    },
    "traits": ["Country"],
    "consents": {
        "marketing": {"column": "Gift", "match": [{"pattern": "yes", "value": "granted"}]},
    },
}  # fmt: skip


def test_row_of_csv_follows_its_mapping():
    event = mapped("csv", ROW, header=HEADER, mapping=MAPPING)
    assert (event.event_type, event.subject_id) == ("cancellation", "17850")
    assert event.occurred_time_us == micro("2010-12-01T08:26:00")
    assert (event.value_minor, event.currency_code) == (765, "GBP")
    assert values(event.attributes) == {"order": "C5", "quantity": 3, "gift": True, "price": 2.55}
    assert values(event.traits) == {"country": 'United "K" \nKingdom'}
    assert event.consents[0].purpose == "marketing"


def test_empty_cells_are_absent():
    event = mapped("csv", b"5,,,,,,\n", header=HEADER, mapping=MAPPING)
    assert (event.event_type, event.subject_id) == ("purchase", "")
    assert not event.HasField("occurred_time_us")
    assert not event.HasField("value_minor")
    assert (len(event.attributes), len(event.traits), len(event.consents)) == (1, 0, 0)


def test_columns_named_like_fields_need_no_mapping():
    header = ("subject_id", "event_type", "time", "sku", "type")
    mapping = {"others": "attributes"}
    event = mapped("csv", b"ada,view,2026-01-01,007,x\n", header=header, mapping=mapping)
    assert (event.subject_id, event.event_type) == ("ada", "view")
    assert values(event.attributes) == {"sku": "007", "column.type": "x"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"5,1\n", "2 cells, the header 7"),
        (ROW.replace(b"17850.0", b"x"), "subject_id"),
        (ROW.replace(b"2010-12-01", b"01.12.2010"), "time"),
        (ROW.replace(b"2.55", b"cheap"), "value"),
        (ROW.replace(b"yes", b"perhaps"), "attributes.gift"),
        (b'"5\n', "not CSV"),
        (b"\xff" + ROW, "utf-8"),
    ],
)
def test_bad_rows_name_the_field(row, words):
    assert words in refusal("csv", row, header=HEADER, mapping=MAPPING)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"evnt_type": "x"}, "`evnt_type` is no field"),
        ({"subject_id": {"column": "Kunde"}}, "no column `Kunde`"),
        ({"time": {"column": "When", "zone": "Mars"}}, "time zone"),
        ({"event_type": {"column": "Order", "match": [{"pattern": "(", "value": "x"}]}}, "pattern"),
        ({"attributes": {"x": {"column": "Order", "type": "money"}}}, "type `money`"),
        ({"value": {"multiply": [], "currency": "EUR"}}, "value"),
        ({"others": "keep"}, "others"),
    ],
)
def test_bad_mappings_name_the_place(mapping, words):
    with pytest.raises(MappingError, match=r".") as error:
        mapper_of(MapperOptions("csv", mapping=mapping, header=HEADER))
    assert words in str(error.value)


def test_money_knows_currencies():
    header = ("subject_id", "v", "c")
    mapping = {"value": {"column": "v", "currency": {"column": "c"}}}
    found = {
        currency: mapped(
            "csv", f"a,12.345,{currency}\n".encode(), header=header, mapping=mapping
        ).value_minor
        for currency in ("EUR", "JPY", "KWD")
    }
    assert found == {"EUR": 1235, "JPY": 12, "KWD": 12345}
