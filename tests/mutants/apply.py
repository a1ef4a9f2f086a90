"""Puts a mutant into a process that has imported the product: by exchanging the code of its functions.

Importing everything again takes seconds, exchanging milliseconds. What runs while a module is imported (constants,
tables, bodies of classes, decorators, defaults) can't be exchanged: such a mutant needs a new process.
"""

from __future__ import annotations

import gc
import inspect
from collections import defaultdict
from pathlib import Path
from types import CodeType, FunctionType

from tests.support.product_modules import CHECKOUT

FunctionKey = tuple[str, str, int]
"""File, qualified name, first line."""


class NeedsImport(Exception):
    """The mutant changes what runs while its module is imported."""


def functions() -> dict[FunctionKey, list[FunctionType]]:
    """All functions of the product that this process has, several of one key where one definition ran several
    times."""
    found: defaultdict[FunctionKey, list[FunctionType]] = defaultdict(list)
    gc.unfreeze()  # what is frozen is not listed
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(str(CHECKOUT)):
            found[_key(thing.__code__)].append(thing)
    return dict(found)


def changed_functions(path: Path, mutated: str) -> dict[FunctionKey, CodeType]:
    """The functions of the module (below the checkout) whose code a mutant changes. Raises NeedsImport."""
    file = str(CHECKOUT / path)
    changed: dict[FunctionKey, CodeType] = {}
    original = compile((CHECKOUT / path).read_text(), file, "exec", dont_inherit=True)
    _compare(original, compile(mutated, file, "exec", dont_inherit=True), changed)
    return changed


def exchange(changed: dict[FunctionKey, CodeType], present: dict[FunctionKey, list[FunctionType]]) -> None:
    """Give the functions that this process has their new code. Raises NeedsImport where one can't have it."""
    for key, code in changed.items():
        for function in present.get(key, []):
            if function.__code__.co_freevars != code.co_freevars:
                raise NeedsImport(key)
            function.__code__ = code


def _compare(old: CodeType, new: CodeType, changed: dict[FunctionKey, CodeType]) -> None:
    is_function = bool(old.co_flags & inspect.CO_OPTIMIZED)
    old_inner, new_inner = _inner(old), _inner(new)
    if _own(old) != _own(new) or len(old_inner) != len(new_inner):
        if not is_function:
            raise NeedsImport(old.co_qualname)
        changed[_key(old)] = new
    before = len(changed)
    if len(old_inner) == len(new_inner):
        for old_code, new_code in zip(old_inner, new_inner, strict=True):
            _compare(old_code, new_code, changed)
    if is_function and len(changed) > before:
        changed[_key(old)] = new  # which makes the inner ones again at its next call


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _own(code: CodeType) -> tuple[object, ...]:
    constants = [repr(constant) for constant in code.co_consts if not isinstance(constant, CodeType)]
    return (
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
        code.co_flags,
    )


def _key(code: CodeType) -> FunctionKey:
    return code.co_filename, code.co_qualname, code.co_firstlineno
