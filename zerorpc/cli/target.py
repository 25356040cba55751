"""What `--server MODULE[.OBJECT]` names: found, imported, and checked to expose something."""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import sys
import traceback
from types import ModuleType
from typing import Any

from zerorpc import methods

from .outcome import Mistake, did_you_mean, quoted


def load(path: str) -> object:
    """Import `path` and return what it names, made by a call if it is a class or function.

    The working directory comes first on the import path, as for `python file.py`.
    """
    # An installed script has its own folder there instead.
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found = _find(path)
    return _made(found, path) if callable(found) else found


def check_exposes(target: object, path: str) -> None:
    """Mistake if a server of `target` would have no method, with the names that might be meant."""
    if isinstance(target, methods.VALUES):
        # They have methods, none of which anybody means to serve.
        kind = type(target).__name__
        raise Mistake(f"{quoted(path)} is a value ({kind}); a module, class or object is wanted")
    # What the server itself will do, so there is one rule of what counts.
    try:
        if methods.expose(target):
            return
    except TypeError as error:  # of a dict: a value that is no method, or a name that is none
        raise Mistake(f"{quoted(path)}: {error}") from None
    submodules = _public_submodules(target)
    hint = f"; did you mean one of its modules: {', '.join(submodules)}?" if submodules else ""
    raise Mistake(f"{quoted(path)} exposes nothing: it has no public function or class{hint}")


def _find(path: str) -> Any:
    if not all(part.isidentifier() for part in path.split(".")):
        raise Mistake(f"{quoted(path)} is not the name of a module or object{_name_hint(path)}")
    # Stock imports all but the last part, and cannot reach `module.Class.attribute`.
    module, attributes = _import_longest(path)
    return functools.reduce(_attribute, attributes, module)


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        title = getattr(owner, "__name__", type(owner).__name__)
        known = [known for known in dir(owner) if not known.startswith("_")]
        # The commonest slip: the name of the module's file.
        is_file = name == "py" and isinstance(owner, ModuleType)
        hint = f"; did you mean {quoted(title)}?" if is_file else did_you_mean(name, known)
        raise Mistake(f"{title} has no {quoted(name)}{hint}") from error


def _name_hint(path: str) -> str:
    if "://" in path:
        return "; where an endpoint is given by --bind or --connect, the module comes first"
    stem = os.path.normpath(path.removesuffix(".py")).strip("/").replace("/", ".")
    return f"; did you mean {quoted(stem)}?" if path.endswith(".py") else ""


def _import_longest(path: str) -> tuple[ModuleType, list[str]]:
    """Import as many leading parts of `path` as are modules; the others are attributes."""
    parts = path.split(".")
    module: ModuleType | None = None
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        # An attribute wins over a module that is not loaded yet, as it does in Python itself.
        if module is not None and hasattr(module, parts[count - 1]):
            if name not in sys.modules:
                return module, parts[count - 1 :]
        elif module is not None and not hasattr(module, "__path__"):
            return module, parts[count - 1 :]
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:
            if not _is_missing(error, name):
                raise Mistake(f"importing {quoted(name)} failed: {_told(error)}") from error
            if module is None:
                raise Mistake(f"no module named {quoted(name)}{_module_hint(name)}") from error
            return module, parts[count - 1 :]
    assert module is not None  # `split` gives one part at least
    return module, []


def _is_missing(error: BaseException, name: str) -> bool:
    """Whether the module itself is missing, and not one that it imports."""
    return isinstance(error, ModuleNotFoundError) and error.name == name


def _module_hint(name: str) -> str:
    # The standard library's names are known even where a distribution leaves some out.
    known = {*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules())}
    return did_you_mean(name, sorted(name for name in known if not name.startswith("_")))


def _made(factory: Any, path: str) -> object:
    try:
        return factory()
    except (Exception, SystemExit) as error:
        raise Mistake(f"calling {quoted(path)} without arguments failed: {_told(error)}") from error


def _told(error: BaseException) -> str:
    """`error` in a line, with the place it comes from: the reader's own code most likely."""
    # Messages of several lines become one, as every mistake is told.
    text = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    # The import system's own frames stand between ours and the reader's.
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    if isinstance(error, SyntaxError) or len(own) < 2:
        return text
    return f"{text} ({own[-1].filename}:{own[-1].lineno})"


def _public_submodules(target: object) -> list[str]:
    """The modules of a package by full name; nothing for what is no package."""
    if not isinstance(target, ModuleType):
        return []
    # Found by their files: importing them all could do anything.
    found = pkgutil.iter_modules(getattr(target, "__path__", []))
    names = sorted(module.name for module in found if not module.name.startswith("_"))
    return [f"{target.__name__}.{name}" for name in names]
