"""A process that sends events through a producer until it is killed: `python sending.py ADDRESS KEY
FOLDER COUNT`. It prints the number of each event once the event was taken.
"""

import sys

import kairos

SUBJECTS = 17


def main(address: str, key: str, folder: str, count: int) -> None:
    """Sends up to event number `count`, flushes, and says so."""
    client = kairos.Client(address, key)
    producer = kairos.Producer(client, folder, linger_s=0.001, batch_count_max=50)
    number = 0
    while number < count:
        # By the number, so that the profiles tell which numbers the server has counted.
        following = producer._queue.following
        number = producer.send(kairos.event("page_view", f"s{following % SUBJECTS}"))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    done = producer.flush(50.0)
    sys.stdout.write(f"flushed {done}\n")
    sys.stdout.flush()
    producer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
