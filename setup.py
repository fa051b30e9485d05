"""What of Waybook is compiled where WAYBOOK_COMPILE=1 asks for it; all else is said in pyproject.toml.

    WAYBOOK_COMPILE=1 pip install --no-build-isolation .        wants Cython, a C compiler, Python's headers

Cython compiles the same sources that are installed beside what it makes of them: no types, no other semantics. Plain
classes become extension types, whose attributes are read without looking for their names. Without the variable only the
sources are installed, and nothing of this is wanted.
"""

import ast
import logging
import os
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
HOT = (
    "flows/engine/ring.py",
    "flows/engine/source.py",
    "flows/engine/timers.py",
    "flows/governance/agreements.py",
    "flows/governance/levels.py",
    "flows/governance/network.py",
    "flows/governance/operators.py",
    "flows/governance/parties.py",
    "flows/journal/positions.py",
    "flows/journal/post.py",
    "flows/lifecycle/*.py",
    "flows/rating/classes.py",
    "flows/rating/exact.py",
    "flows/rating/facts.py",
    "flows/rating/groups.py",
    "flows/rating/matching.py",
    "flows/rating/measures.py",
    "flows/rating/model.py",
    "flows/rating/policy.py",
    "flows/rating/remembered.py",
    "flows/rating/rounding.py",
    "flows/rating/shapes/*.py",
    "flows/rating/steps.py",
    "flows/rating/tariffs.py",
    "flows/rating/together.py",
    "flows/rating/weights.py",
    "flows/rating/working.py",
    "schemas/partition.py",
    "schemas/times.py",
    "sinks/columns.py",
    "sinks/encode.py",
)
"""Chosen by where a lane of parcels spends its time: what an ordinary event or charge passes through on its way to
columns. Of the parcels' life that is nearly all, so all of it, without a list."""
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "binding": True, "infer_types": False}
"""Annotations stay annotations, functions look like Python's, and no integer is taken for one of 64 bits."""


def modules() -> dict[str, str]:
    """The compiled modules' names, and their sources from here."""
    found = {path.relative_to(ROOT) for pattern in HOT for path in ROOT.glob(pattern)}
    sources = sorted(str(path) for path in found if path.name != "__init__.py")
    return {source.removesuffix(".py").replace("/", "."): source for source in sources}


def declarations(source: str) -> str:
    """What Cython is told of a module beside its source: the attributes that its plain classes give themselves."""
    plain = [
        one
        for one in ast.parse(source).body
        if isinstance(one, ast.ClassDef) and not (one.bases or one.keywords or one.decorator_list)
    ]
    told = {one.name: sorted(_own_attributes(one)) for one in plain}
    return "".join(
        f"cdef class {name}:\n    cdef public object {', '.join(attributes)}\n    cdef object __weakref__\n"
        for name, attributes in told.items()
        if attributes
    )


def _own_attributes(one: ast.ClassDef) -> set[str]:
    """Names that its methods assign to `self`."""
    return {
        node.attr
        for node in ast.walk(one)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def missing() -> str:
    """What this machine lacks to compile them, in words; empty: nothing."""
    compiler, *_ = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    wanted = {
        f"no C compiler ({compiler}; Debian: gcc)": shutil.which(compiler),
        "no Python.h (Debian: python3-dev)": Path(sysconfig.get_path("include"), "Python.h").exists(),
        "no Cython (pip install cython; then with --no-build-isolation)": find_spec("Cython"),
    }
    return ", ".join(what for what, there in wanted.items() if not there)


def ready() -> None:
    """End the program, saying why, where nothing can be compiled."""
    if lacking := missing():
        sys.exit(f"Waybook cannot be compiled here: {lacking}")


class Compiled(build_ext):
    """Python → C → extension modules, on all cores."""

    def build_extensions(self) -> None:
        """Compile each source."""
        from Cython.Build import cythonize  # noqa: PLC0415 only who compiles needs it

        told = Path(self.build_temp, "declarations")
        for extension in self.extensions:
            source = extension.sources[0]
            beside = told / Path(source).with_suffix(".pxd")
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(declarations(Path(source).read_text("utf-8")), "utf-8")
        made = cythonize(
            self.extensions,
            include_path=[str(told)],
            build_dir=self.build_temp,
            nthreads=os.cpu_count(),
            quiet=True,
            compiler_directives=DIRECTIVES,
        )
        written = {one.name: one.sources for one in made}
        for one in self.extensions:
            one.sources = written[one.name]
        self.parallel = True
        super().build_extensions()


def main() -> None:
    """Compile in a directory of its own, so that nothing of an earlier build is installed again."""
    if os.environ.get("WAYBOOK_COMPILE") != "1":
        setup()
        return
    if "editable_wheel" in sys.argv:
        sys.exit("Waybook is not compiled where it is edited: install it without -e")
    ready()
    logging.disable(logging.INFO)  # what fails is told alone, not among a thousand lines
    with TemporaryDirectory() as fresh:
        setup(
            ext_modules=[
                Extension(name, [source], extra_compile_args=["-g0"]) for name, source in modules().items()
            ],
            cmdclass={"build_ext": Compiled},
            options={"build": {"build_base": fresh}, "egg_info": {"egg_base": fresh}},
        )


if __name__ == "__main__":
    main()
