"""The extension modules of the native core; everything else stands in pyproject.toml."""

import glob
import os

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("KAIROS_DEBUG") == "1"
FOLDER = "native/kairos_native"
# Every .pyx is a module; their floors stand in docs/adr/0001-floors.md and tests/tidy holds them.
MODULES = sorted(os.path.basename(path)[:-4] for path in glob.glob(f"{FOLDER}/*.pyx"))
HEADERS = sorted(glob.glob(f"{FOLDER}/*.h"))
# Set to 0 where the modules are compiled by a step of their own, so that an editable install does
# not compile them twice.
CORE = os.environ.get("KAIROS_CORE") != "0"
JOBS = os.cpu_count() or 1
ARGUMENTS = [
    "-O3",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Wsign-compare",
    "-Wno-unused-parameter",
]
if DEBUG:
    ARGUMENTS = [
        "-O1",
        "-g",
        "-ffp-contract=off",
        "-fno-strict-aliasing",
        "-fsanitize=undefined",
        "-fno-omit-frame-pointer",
    ]
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "freethreading_compatible": False,
    "embedsignature": True,
}


def extension(name: str) -> Extension:
    return Extension(
        f"kairos_native.{name}",
        [f"{FOLDER}/{name}.pyx"],
        include_dirs=[FOLDER],
        extra_compile_args=ARGUMENTS,
        extra_link_args=["-fsanitize=undefined"] if DEBUG else [],
        define_macros=[("KAIROS_DEBUG", "1" if DEBUG else "0")],
        depends=HEADERS,
    )


if __name__ == "__main__":
    setup(
        ext_modules=cythonize(
            [extension(name) for name in MODULES],
            include_path=["native"],
            compiler_directives=DIRECTIVES,
            nthreads=JOBS,
        )
        if CORE
        else [],
        options={"build_ext": {"parallel": JOBS}},
    )
