"""The consents that the demo states: a fixed rule, so that anybody can compute
who agreed to what.
"""

from collections.abc import Iterable, Iterator

from kairos_server.demo.events import Row

RULE = (
    "by the last digit of the subject's id: 0 to 6 granted, 7 and 8 denied, 9 never stated; "
    "sent first, as events of type `consent` that occurred one day before the first event"
)
DAY_US = 86_400_000_000


def consent_rows(
    subject_ids: Iterable[str], purposes: tuple[str, ...], first_time_us: int
) -> Iterator[Row]:
    """Yields one consent event per subject that the rule lets speak,
    in the order of the subjects given.

    The day in between keeps the consent's session apart from those of the behaviour.
    """
    for subject_id in subject_ids:
        digit = int(subject_id[-1])
        if digit == 9:
            continue
        status = "granted" if digit <= 6 else "denied"
        yield {
            "event_id": f"consent:{subject_id}",
            "event_type": "consent",
            "subject_id": subject_id,
            "occurred_time_us": first_time_us - DAY_US,
            "consents": dict.fromkeys(purposes, status),
        }
