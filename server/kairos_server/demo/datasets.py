"""Readers of the two public data sets; each yields rows in the order of
(time, row), consents first.
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

from kairos_server.demo.consent import consent_rows
from kairos_server.demo.events import Row

RETAIL_FILE = "uci_online_retail_until_2011-09.csv.gz"
RETAIL_COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
PURPOSES = ("personalization", "marketing")
SECOND_US = 1_000_000
# Lines repeat few quantities, prices and dates; computing each once makes reading
# three times as fast.
LINE_CACHE = 65_536


def serenade_rows(folder: Path) -> Iterator[Row]:
    """Yields the clicks of train.txt and valid.txt, sorted by (time, file, row).

    SessionId is the subject and the client's session; the event id is `file:row`, rows counted from
    1 below the header.
    Cost: all rows in memory, about 115,000.
    """
    clicks = []
    for file_index, name in enumerate(("train", "valid")):
        with open(folder / "serenade" / f"{name}.txt", encoding="utf-8", newline="") as file:
            for row, line in enumerate(csv.DictReader(file, delimiter="\t"), start=1):
                time_us = int(Decimal(line["Time"]) * SECOND_US)
                clicks.append(
                    (time_us, file_index, row, name, line["SessionId"], int(line["ItemId"]))
                )
    clicks.sort(key=lambda click: click[:3])
    subject_ids = sorted({click[4] for click in clicks}, key=int)
    yield from consent_rows(subject_ids, PURPOSES, clicks[0][0])
    for time_us, _, row, name, session, item_id in clicks:
        yield {
            "event_id": f"{name}:{row}",
            "event_type": "click",
            "subject_id": session,
            "session_id": session,
            "occurred_time_us": time_us,
            "attributes": {"item_id": item_id},
        }


def retail_rows(folder: Path) -> Iterator[Row]:
    """Yields the invoice lines of Online Retail, sorted by (time, row); the event id is the row,
    from 1 below the header.

    InvoiceDate has no zone and is read as UTC. A line whose InvoiceNo starts with C is a
    `cancellation` with a negative value, any other a `purchase`. CustomerID `17850.0` becomes
    `17850`; a line without one keeps an empty subject and is for the server to refuse.
    """
    with gzip.open(folder / RETAIL_FILE, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        columns = tuple(next(reader))
        if columns != RETAIL_COLUMNS:
            raise ValueError(f"{RETAIL_FILE}: the columns are {columns}, not {RETAIL_COLUMNS}")
        rows = [retail_row(number, line) for number, line in enumerate(reader, start=1)]
    # Stable: lines of one minute keep the order of the file.
    rows.sort(key=itemgetter("occurred_time_us"))
    subject_ids = {row["subject_id"] for row in rows} - {""}
    yield from consent_rows(sorted(subject_ids, key=int), PURPOSES, rows[0]["occurred_time_us"])
    yield from rows


def retail_row(number: int, line: list[str]) -> Row:
    """Returns the row of one invoice line."""
    invoice_no, stock_code, description, quantity, date, unit_price, customer_id, country = line
    attributes = {
        "invoice_no": invoice_no,
        "stock_code": stock_code,
        "quantity": int(float(quantity)),
        "unit_price": float(unit_price),
    }
    if description:
        attributes["description"] = description
    return {
        "event_id": str(number),
        "event_type": "cancellation" if invoice_no.startswith("C") else "purchase",
        "subject_id": subject_of(customer_id),
        "occurred_time_us": line_time_us(date),
        "attributes": attributes,
        "traits": {"country": country},
        "value_minor": line_value_minor(quantity, unit_price),
        "currency_code": "GBP",
    }


@lru_cache(LINE_CACHE)
def line_value_minor(quantity: str, unit_price: str) -> int:
    """Returns quantity x unit price in pence, rounded half up (away from zero), without a binary
    fraction on the way.
    """
    return int((Decimal(quantity) * Decimal(unit_price) * 100).quantize(Decimal(1), ROUND_HALF_UP))


@lru_cache(LINE_CACHE)
def line_time_us(text: str) -> int:
    """Returns `2010-12-01 08:26:00`, read as UTC, in microseconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


@lru_cache(LINE_CACHE)
def subject_of(customer_id: str) -> str:
    """Returns the customer's number without the fraction that the file's float column gave it."""
    return str(int(Decimal(customer_id))) if customer_id else ""
