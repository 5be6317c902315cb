"""The extension modules of the native core; everything else stands in pyproject.toml."""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("KAIROS_DEBUG") == "1"
FOLDER = "native/kairos_native"
# Floors, lowest first: see docs/adr/0001-floors.md. `view`, `layout`, `status`, `limits`, `hash` and `wire` are headers only.
MODULES = ("log", "store", "dedupe", "plan", "match", "score", "record", "session", "slots", "features", "decide", "apply", "engine")
ARGUMENTS = ["-O3", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Wsign-compare", "-Wno-unused-parameter"]
if DEBUG:
    ARGUMENTS = ["-O1", "-g", "-ffp-contract=off", "-fno-strict-aliasing", "-fsanitize=undefined", "-fno-omit-frame-pointer"]
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
        depends=[f"{FOLDER}/{header}.h" for header in ("layout", "limits", "status", "view", "hash", "wire", "score")],
    )


setup(
    ext_modules=cythonize(
        [extension(name) for name in MODULES if os.path.exists(f"{FOLDER}/{name}.pyx")],
        include_path=["native"],
        compiler_directives=DIRECTIVES,
    )
)
