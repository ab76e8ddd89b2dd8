"""Which tests run once more in another environment of CI: see data/runs.txt and CONTRIBUTING.md."""

import ast
import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

RUNS = Path(__file__).parent / "data" / "runs.txt"
OPTIONAL = re.compile(
    r"torch|jax|flax|haiku|equinox|keras|timm|randomgen|array_api_strict|mkl_random|installed"
    r"|chromium|objdump|cmake|import allocated|from allocated|from models",
    re.IGNORECASE,
)
"""What `pip install '.[test]'` does not bring, and what stands for it in a test."""


@cache
def listed(section: str) -> tuple[str, ...]:
    """The patterns of a section of data/runs.txt."""
    body = RUNS.read_text(encoding="utf-8").split(f"[{section}]\n")[1].split("\n[")[0]
    return tuple(line for line in body.splitlines() if line and not line.startswith("#"))


@cache
def wanting(file: Path) -> frozenset[str]:
    """The functions of a file that name something optional, or use what does.

    All of them where the file itself begins with `pytest.importorskip` of something optional, or
    a fixture that every test gets wants it.
    """
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    texts: dict[str, str] = {}
    uses: dict[str, set[str]] = {}
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        inner = list(ast.walk(node))
        used = {part.id for part in inner if isinstance(part, ast.Name)}
        used |= {part.arg for part in inner if isinstance(part, ast.arg)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = {node.name}
        else:
            names = {part.id for part in inner if isinstance(part, ast.Name)}
            names |= {part.asname or part.name for part in inner if isinstance(part, ast.alias)}
        for name in names:
            texts[name] = texts.get(name, "") + text
            uses[name] = uses.get(name, set()) | used
    whole = re.search(r"^(?:\w+ = )?pytest\.importorskip\(.*$", source, re.MULTILINE)
    if whole and OPTIONAL.search(whole[0]):
        return frozenset(texts)
    found = {name for name, text in texts.items() if OPTIONAL.search(name + text)}
    while more := {name for name, used in uses.items() if used & found} - found:
        found |= more
    automatic = any("autouse=True" in texts[name] for name in found)
    return frozenset(texts if automatic else found)


@cache
def markers(file: Path, function: str) -> tuple[str, ...]:
    """Which further runs of CI a test belongs to."""

    def is_in(section: str) -> bool:
        return any(fnmatch(file.name, pattern) for pattern in listed(section))

    found = {
        "may_skip": function in wanting(file),
        "interpreter": is_in("interpreter"),
        "reaches_c": not is_in("not under sanitizers"),
    }
    return tuple(name for name, given in found.items() if given)
