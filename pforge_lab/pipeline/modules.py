"""Modules of tools that lie beside a pipeline file.

``tools:clean`` means ``tools.py`` in the file's folder. `sys.path` stays as it is: a module that
the interpreter would find under that name anyway is imported as usual; any other one is loaded
under a package made for its folder, so that equally named modules of two folders stay apart and
what they define can still be pickled. Inside such a module, ``import helpers`` finds the module
beside it first, as in a script.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pforge_lab.errors import Fault, SpecError, near_misses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

_PREFIX: Final = "pforge_folder_"
_folders: dict[str, Path] = {}
_seen: dict[str, int] = {}


def load_module(name: str, folder: Path) -> ModuleType:
    """Return a module by name, fresh if its file was edited since it was loaded.

    Parameters
    ----------
    name
        Dotted name.
    folder
        Where to look first.

    Raises
    ------
    SpecError
        There is no such module, with the ones there are.
    """
    file = _file_of(name, folder)
    if file is None:
        return _installed(name, folder)
    full = name if _is_importable(name, file) else f"{register_folder(folder)}.{name}"
    _reload_edited(full, file)
    module = importlib.import_module(full)
    _seen.setdefault(full, _mtime(file))
    return module


def register_folder(folder: Path) -> str:
    """Return the package that stands for a folder, so that pickles which name it can be loaded."""
    resolved = folder.resolve()
    package = _PREFIX + hashlib.blake2b(str(resolved).encode(), digest_size=6).hexdigest()
    _folders[package] = resolved
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # before the one that would read compiled files
    return package


def _file_of(name: str, folder: Path) -> Path | None:
    stem = folder.joinpath(*name.split("."))
    for file in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if file.is_file():
            return file.resolve()
    return None


def _is_importable(name: str, file: Path) -> bool:
    """Return whether the interpreter finds this very file under that name."""
    known = sys.modules.get(name)
    if known is not None:
        return _same_file(getattr(known, "__file__", None), file)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and _same_file(spec.origin, file)


def _same_file(origin: str | None, file: Path) -> bool:
    return origin is not None and Path(origin).resolve() == file


def _installed(name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not (name == error.name or name.startswith(error.name + ".")):
            raise
        beside = [path.stem for path in sorted(folder.glob("*.py"))] if folder.is_dir() else []
        raise SpecError.of(
            [Fault(f"no module {name!r} in {folder} or among the installed ones{near_misses(name, beside)}")],
        ) from None


def _reload_edited(full: str, file: Path) -> None:
    """Make the next import read the file again if it, or a module beside it, was edited."""
    module = sys.modules.get(full)
    if module is None:
        _seen.pop(full, None)
        return
    package, _, rest = full.partition(".")
    if package in _folders and rest:
        beside = [name for name in sys.modules if name.startswith(package + ".")]
        if any(_edited(sys.modules[name]) for name in beside):
            for name in beside:
                del sys.modules[name]
                _seen.pop(name, None)
    elif full in _seen and _seen[full] != _mtime(file):
        _execute_again(module, file)
        _seen[full] = _mtime(file)


def _edited(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and _seen.get(module.__name__) != _mtime(Path(file))


def _execute_again(module: ModuleType, file: Path) -> None:
    """Reload a module from its source; compiled files are too coarse in time to be trusted right after an edit."""
    code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 -- what importlib.reload does


def _mtime(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class _Loader(SourceFileLoader):
    """Loads a module of a folder: without compiled files, and with imports that look beside it first."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Say nothing of the file, so that no compiled file is read or written."""
        raise OSError(path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with the folder's own ``import``."""
        package = module.__name__.partition(".")[0]
        _seen[module.__name__] = _mtime(Path(self.path))

        def import_beside(
            name: str,
            globals: Mapping[str, object] | None = None,  # noqa: A002 -- the names are Python's
            locals: Mapping[str, object] | None = None,  # noqa: A002 -- the names are Python's
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> ModuleType:
            top = name.partition(".")[0]
            folder = _folders[package]
            if level or top == "pforge_lab" or not _is_private(top, folder):
                return builtins.__import__(name, globals, locals, fromlist, level)
            found = builtins.__import__(f"{package}.{name}", globals, locals, fromlist or ("",), 0)
            return found if fromlist else sys.modules[f"{package}.{top}"]

        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_beside}
        super().exec_module(module)


def _is_private(top: str, folder: Path) -> bool:
    file = _file_of(top, folder)
    return file is not None and not _is_importable(top, file)


class _Finder(MetaPathFinder):
    """Finds the packages that stand for folders, and the modules in them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of a folder is."""
        package, _, rest = fullname.partition(".")
        folder = _folders.get(package)
        if folder is None:
            return None
        if not rest:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(folder)]
            return spec
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None or not isinstance(found.loader, SourceFileLoader):
            return found
        loader = _Loader(fullname, found.origin)
        return importlib.util.spec_from_file_location(
            fullname,
            found.origin,
            loader=loader,
            submodule_search_locations=found.submodule_search_locations,
        )


_finder: Final = _Finder()
