"""Test doors: `def` functions round the core's internals,
built beside the tests and never installed.

Build: `python tests/doors/setup.py build_ext --inplace` from the project's root.
"""

import glob
import os

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(os.path.join(ROOT, "tests", "doors"))
NATIVE = os.path.join("..", "..", "native", "kairos_native")

setup(
    name="kairos-test-doors",
    ext_modules=cythonize(
        [
            Extension(
                os.path.splitext(path)[0],
                [path],
                include_dirs=[NATIVE],
                extra_compile_args=["-O2", "-ffp-contract=off", "-fno-strict-aliasing"],
            )
            for path in sorted(glob.glob("*_door.pyx"))
        ],
        include_path=[os.path.join("..", "..", "native")],
        compiler_directives={"language_level": "3", "cdivision": True, "wraparound": False},
    ),
)
