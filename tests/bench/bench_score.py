"""Linear scores of 1,000 candidates by 64 features, float32, against NumPy;
not collected by pytest.

Run: python tests/bench/bench_score.py. Prints the best of several rounds, which other work on the
machine disturbs least. The answers of all kernels and of NumPy's order of magnitude are asserted
before anything is timed.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "doors"))
import score_door

CANDIDATES, STRIDE, FEATURES, ROUNDS, TIMES = 1000, 1008, 64, 30, 200


def report(line: str) -> None:
    sys.stdout.write(line + "\n")


def best_us(call, times: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        call()
        best = min(best, (time.perf_counter_ns() - start) / times / 1000)
    return best


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros at a 64-byte boundary, as the plan image has its weights."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 16, np.float32)
    start = (-raw.ctypes.data % 64) // 4
    return raw[start : start + size].reshape(shape)


def logistic_top10(matrix: np.ndarray, features: np.ndarray) -> np.ndarray:
    scores = 1.0 / (1.0 + np.exp(-(matrix @ features)))
    top = np.argpartition(scores, -10)[-10:]
    return top[np.argsort(scores[top])[::-1]]


def main() -> None:
    source = np.random.default_rng(7)
    weights, features, bias, scores = (
        aligned((FEATURES, STRIDE)),
        aligned((FEATURES,)),
        aligned((STRIDE,)),
        aligned((STRIDE,)),
    )
    weights[:, :CANDIDATES] = source.standard_normal((FEATURES, CANDIDATES))
    features[:] = source.standard_normal(FEATURES)
    matrix = np.ascontiguousarray(weights[:, :CANDIDATES].T)
    answers = set()
    for name, kernel in (("portable", 0), ("avx2", 1), ("avx512", 2)):
        score_door.linear(weights, features, bias, scores, kernel)
        assert np.allclose(scores[:CANDIDATES], matrix @ features, rtol=1e-3, atol=1e-4)
        answers.add(scores.tobytes())
        used = best_us(
            lambda kernel=kernel: score_door.linear_repeat(
                weights, features, bias, scores, kernel, TIMES
            ),
            TIMES,
        )
        report(f"linear {CANDIDATES} x {FEATURES} {name:>9}: {used:7.2f} us")
    assert len(answers) == 1, "kernels disagree"
    report(f"numpy A @ w                : {best_us(lambda: matrix @ features, 1):7.2f} us")
    report(
        "numpy A @ w, logistic, top10: "
        f"{best_us(lambda: logistic_top10(matrix, features), 1):6.2f} us"
    )
    report(
        "exp                        : "
        f"{best_us(lambda: score_door.exp_repeat(-0.7, 100_000), 100_000) * 1000:7.2f} ns"
    )


if __name__ == "__main__":
    main()
