"""Whether every test that one run skipped ran in another: `skipped_ran.py ONE.xml OTHER.xml`."""

import sys
from xml.etree import ElementTree


def tests(file: str, *, skipped: bool) -> set[tuple[str, str]]:
    """Class and name of the tests that were skipped, or of those that were not."""
    cases = ElementTree.parse(file).iter("testcase")
    return {
        (case.get("classname", ""), case.get("name", ""))
        for case in cases
        if (case.find("skipped") is not None) == skipped
    }


def main(one: str, other: str) -> int:
    """Print the tests that neither run ran; 1 where there is one."""
    ran = tests(other, skipped=False)
    modules = {module for module, _ in ran}
    # a module that is skipped as a whole has no class: its tests are those of the other run
    left = {
        (module, name)
        for module, name in tests(one, skipped=True) - ran
        if module or name not in modules
    }
    for module, name in sorted(left):
        print(f"no run of CI ran {module}::{name}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
