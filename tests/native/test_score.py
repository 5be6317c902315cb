"""Exactness, order and sameness of the core's arithmetic."""

import math
import os
import random
import struct
import subprocess
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import score_door
from reference import score as reference

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {"portable": 0, "avx2": 1, "avx512": 2}


def bits(x: float) -> bytes:
    return struct.pack("<d", x)


def exp_points(count: int) -> list[float]:
    source = random.Random(41)
    points = [source.uniform(-745.0, 709.7) for _ in range(count // 4)]
    points += [source.uniform(-40.0, 40.0) for _ in range(count // 4)]
    points += [source.uniform(-1.0, 1.0) * 2.0 ** source.randint(-60, 0) for _ in range(count // 4)]
    # The edges of the reduction: half way between two multiples of ln 2, where k changes.
    for _ in range(count // 4):
        edge = (source.randint(-1070, 1020) + 0.5) * math.log(2)
        points.append(math.nextafter(edge, math.inf) if source.random() < 0.5 else edge)
    return points


def log_points(count: int) -> list[float]:
    source = random.Random(42)
    points = [
        math.ldexp(source.uniform(0.5, 1.0), source.randint(-1074, 1023)) for _ in range(count // 3)
    ]
    points += [
        1.0 + source.uniform(-1.0, 1.0) * 2.0 ** source.randint(-52, -1) for _ in range(count // 3)
    ]
    points += [source.uniform(0.0, 100.0) for _ in range(count // 3)]
    return [x for x in points if x > 0.0]


def error_ulp(result: float, exact: Decimal) -> Fraction:
    return abs(Fraction(result) - Fraction(exact)) / Fraction(math.ulp(result))


def test_exp_errs_by_less_than_one_ulp() -> None:
    getcontext().prec = 40
    worst = max(error_ulp(score_door.exp(x), Decimal(x).exp()) for x in exp_points(20_000))
    assert worst < 1, float(worst)


def test_log_errs_by_less_than_one_ulp() -> None:
    getcontext().prec = 40
    worst = Fraction(0)
    for x in log_points(20_000):
        result = score_door.log(x)
        if x != 1.0:
            worst = max(worst, error_ulp(result, Decimal(x).ln()))
    assert worst < 1, float(worst)


def test_bits_equal_the_reference() -> None:
    for x in exp_points(20_000):
        assert bits(score_door.exp(x)) == bits(reference.exp(x)), x.hex()
        assert bits(score_door.logistic(x)) == bits(reference.logistic(x)), x.hex()
    for x in log_points(20_000):
        assert bits(score_door.log(x)) == bits(reference.log(x)), x.hex()


@pytest.mark.parametrize("module", [score_door, reference], ids=["core", "reference"])
def test_special_values(module) -> None:
    assert module.exp(-math.inf) == 0.0
    assert module.exp(math.inf) == math.inf
    assert module.exp(710.0) == math.inf
    assert module.exp(-746.0) == 0.0
    assert module.exp(0.0) == 1.0
    assert module.exp(-0.0) == 1.0
    assert math.isnan(module.exp(math.nan))
    assert module.exp(reference.EXP_OVERFLOW) < math.inf
    assert module.exp(reference.EXP_UNDERFLOW) == 5e-324
    assert module.log(0.0) == -math.inf
    assert module.log(math.inf) == math.inf
    assert math.isnan(module.log(-1.0))
    assert math.isnan(module.log(math.nan))
    assert module.log(1.0) == 0.0
    assert module.logistic(0.0) == 0.5
    assert module.logistic(1000.0) == 1.0
    assert module.logistic(-1000.0) == 0.0
    assert math.isnan(module.logistic(math.nan))


def test_logistic_is_monotone_and_bounded() -> None:
    source = random.Random(43)
    for _ in range(400):
        x = source.choice(
            [source.uniform(-745.0, 40.0), (source.randint(-60, 60) + 0.5) * math.log(2)]
        )
        previous = score_door.logistic(x)
        for _ in range(50):
            x = math.nextafter(x, math.inf)
            value = score_door.logistic(x)
            assert 0.0 <= previous <= value <= 1.0, x.hex()
            previous = value


def aligned(shape: tuple[int, ...], seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return values * np.float32(10.0) ** np.random.default_rng(seed + 1).integers(
        -6, 6, shape
    ).astype(np.float32)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("stride", "features"), [(16, 1), (48, 7), (64, 64), (128, 3), (208, 20), (400, 5)]
)
def test_linear_bytes_equal_the_reference(kernel: str, stride: int, features: int) -> None:
    weights, values, bias = (
        aligned((features, stride), 1),
        aligned((features,), 2),
        aligned((stride,), 3),
    )
    scores = np.empty(stride, np.float32)
    score_door.linear(weights, values, bias, scores, KERNELS[kernel])
    expected = reference.linear(weights.tolist(), values.tolist(), bias.tolist())
    assert scores.tobytes() == np.array(expected, np.float32).tobytes()
    # In place: a caller may put the biases where the scores go.
    score_door.linear(weights, values, bias, bias, KERNELS[kernel])
    assert bias.tobytes() == scores.tobytes()


def test_linear_without_features_is_the_bias() -> None:
    bias = aligned((32,), 4)
    for kernel in KERNELS.values():
        scores = np.zeros(32, np.float32)
        score_door.linear(
            np.zeros((1, 32), np.float32), np.zeros(1, np.float32), bias, scores, kernel
        )
        assert scores.tobytes() == bias.tobytes()


PROBE = """
#include <stdio.h>
#include "score.h"
int main(void) {
    double x = -700.0;
    float weights[512], features[8], bias[64], scores[64];
    uint64_t hash = 0, word;
    for (int i = 0; i < 20000; i++, x += 0.0701) {
        double values[3] = {kairos_exp(x), kairos_log(x + 701.0), kairos_add_weighted(x, 0.1, x)};
        for (int j = 0; j < 3; j++) {
            memcpy(&word, &values[j], 8);
            hash = hash * 0x9E3779B97F4A7C15ull + word;
        }
    }
    for (int i = 0; i < 512; i++) weights[i] = (float)kairos_exp(-0.01 * i);
    for (int i = 0; i < 8; i++) features[i] = (float)kairos_exp(0.37 * i);
    for (int i = 0; i < 64; i++) bias[i] = (float)kairos_log(1.0 + i);
    for (uint32_t kernel = 0; kernel < 3; kernel++) {
        kairos_linear(weights, 64, features, 8, bias, scores, kernel);
        for (int i = 0; i < 64; i++) {
            word = 0;
            memcpy(&word, &scores[i], 4);
            hash = hash * 0x9E3779B97F4A7C15ull + word;
        }
    }
    printf("%llx", (unsigned long long)hash);
    return 0;
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a C compiler that takes -march=native")
def test_no_build_option_changes_the_bytes(tmp_path: Path) -> None:
    """Also where a build asks for fused operations: the header turns them off itself."""
    (tmp_path / "probe.c").write_text(PROBE)
    hashes = {}
    for options in ("-O0", "-O2 -ffp-contract=off", "-O3 -march=native -ffp-contract=fast"):
        program = tmp_path / f"probe{len(hashes)}"
        include = f"-I{ROOT / 'native' / 'kairos_native'}"
        command = [
            os.environ.get("CC", "cc"),
            include,
            *options.split(),
            str(tmp_path / "probe.c"),
            "-o",
            str(program),
        ]
        subprocess.run(command, check=True, capture_output=True)
        hashes[options] = subprocess.run([str(program)], check=True, capture_output=True).stdout
    assert len(set(hashes.values())) == 1, hashes
