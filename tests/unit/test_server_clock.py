"""The server's present against a wall clock and a steady clock that the test moves."""

import logging
import random

import pytest
from kairos_server.clock import LOOK_US, SLEW_PPM_MAX, STEP_US_MAX, Clock

START = 1_700_000_000_000_000
SECOND = 1_000_000


class World:
    """Two clocks: the wall clock can be set, the steady one only advances."""

    def __init__(self) -> None:
        self.wall = START
        self.steady = 77_000_000
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def elapse(self, us, drift_ppm=0):
        """Lets time pass; returns the present."""
        self.steady += us
        self.wall += us + us * drift_ppm // 1_000_000
        return self.clock.now_us()


@pytest.fixture
def world():
    return World()


def test_starts_at_the_wall_clock_and_runs_with_it(world):
    assert world.clock.now_us() == START
    assert world.elapse(5 * SECOND) == START + 5 * SECOND
    assert world.clock.offset_us() == 0
    assert world.clock.steady_offset_us() == START - 77_000_000


@pytest.mark.parametrize("jump", [3600 * SECOND, -3600 * SECOND, 86_400_000 * SECOND, -START])
def test_a_wall_clock_that_is_set_is_not_followed(world, jump, caplog):
    caplog.set_level(logging.INFO, "kairos.clock")
    world.elapse(SECOND)
    world.wall += jump
    for _ in range(100):
        world.elapse(SECOND)
    assert world.clock.now_us() == START + 101 * SECOND
    assert world.clock.offset_us() == jump
    assert [record.getMessage() for record in caplog.records] == [
        "wall clock was set and is not followed"
    ]
    assert caplog.records[0].offset_s == pytest.approx(jump / 1e6)
    world.wall -= jump
    world.elapse(SECOND)
    assert caplog.records[-1].getMessage() == "wall clock is back"
    assert world.elapse(SECOND) == START + 103 * SECOND


@pytest.mark.parametrize("jump", [SECOND, -SECOND, STEP_US_MAX, -STEP_US_MAX])
def test_a_small_difference_is_approached_at_the_stated_rate(world, jump):
    world.elapse(LOOK_US)
    world.wall += jump
    world.elapse(LOOK_US)
    before = world.clock.now_us()
    world.elapse(LOOK_US)
    moved = world.clock.now_us() - before - LOOK_US
    assert abs(moved - (1 if jump > 0 else -1) * LOOK_US * SLEW_PPM_MAX // SECOND) <= 1
    seconds = abs(jump) * 1_000_000 // (SLEW_PPM_MAX * SECOND)
    for _ in range(seconds - 60):
        world.elapse(SECOND)
    assert abs(world.clock.offset_us()) > 10_000
    for _ in range(80):
        world.elapse(SECOND)
    assert abs(world.clock.offset_us()) <= 2


def test_a_long_silence_neither_jumps_nor_overshoots(world):
    world.elapse(SECOND)
    world.wall += 700_000
    world.elapse(SECOND)
    offset = world.clock.offset_us()
    # Suspended for a week: steady time and the wall clock both counted it.
    world.elapse(7 * 86_400 * SECOND)
    assert 0 < world.clock.offset_us() <= offset
    assert offset - world.clock.offset_us() <= SLEW_PPM_MAX


def test_a_wall_clock_that_drifts_is_followed(world):
    for _ in range(3_000):
        world.elapse(SECOND, drift_ppm=200)
    assert abs(world.clock.offset_us()) < 1_000


@pytest.mark.parametrize("seed", range(20))
def test_never_goes_back_and_never_leaves_its_rate(seed):
    """Any sequence of pauses and settings of the wall clock: the present moves by elapsed time,
    give or take 1/2000.
    """
    random_ = random.Random(seed)
    world = World()
    last = world.clock.now_us()
    for _ in range(3_000):
        if random_.random() < 0.05:
            world.wall += random_.choice([-1, 1]) * int(10 ** random_.uniform(0, 13))
        step = int(10 ** random_.uniform(0, 9)) if random_.random() < 0.8 else random_.randrange(3)
        now = world.elapse(step)
        slack = min(step, 2 * SECOND) * SLEW_PPM_MAX // 1_000_000 + 2
        assert now - last >= 0
        assert abs(now - last - step) <= slack
        last = now


def test_the_real_clocks_agree():
    clock = Clock()
    values = [clock.now_us() for _ in range(1_000)]
    assert values == sorted(values)
    assert abs(clock.offset_us()) < 60 * SECOND
