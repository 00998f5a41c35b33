#!/usr/bin/env python3
"""Checks who includes whom against the table in CONTRIBUTING.md."""
import os
import re
import sys

C_STANDARD = {
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h",
    "limits.h", "locale.h", "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h",
    "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h",
    "string.h", "tgmath.h", "threads.h", "time.h", "uchar.h", "wchar.h", "wctype.h",
}
MODULES = ["base", "mailbox", "scheduler", "runtime"]
# Folder: the folders whose headers its files may include; "troupe" stands for include/troupe.
TABLE = {
    "base": {"troupe", "base"},
    "mailbox": {"troupe", "base", "mailbox"},
    "scheduler": {"troupe", "base", "scheduler"},
    "runtime": {"troupe", *MODULES},
    "bench": {"troupe", "bench"},
    "examples": {"troupe"},
    "test/unit": {"troupe", *MODULES, "test/support"},
    "test/property": {"troupe", *MODULES, "test/support"},
    "test/stress": {"troupe", *MODULES, "test/support", "test/stress"},
    "test/model": {"troupe", *MODULES, "test/support", "test/model"},
    "test/integration": {"troupe", "test/support", "test/integration"},
    "test/support": {"troupe", *MODULES, "test/support"},
    "test/checks": {"troupe"},
}
USES_LIBUV = {"runtime"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources():
    for top in ["include", *MODULES, "bench", "examples", "test"]:
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".cpp", ".hpp")):
                    yield os.path.join(folder, name)


def home(path):
    """The row of the table that a file belongs to, None for a public header."""
    if path.startswith("include/"):
        return None
    return max((row for row in TABLE if path.startswith(row + "/")), key=len, default="?")


def wrong_public(quote, target):
    if quote == "<":
        return None if target in C_STANDARD else "public headers include C standard headers only"
    if "/" in target or not os.path.exists(os.path.join("include/troupe", target)):
        return "a public header includes its neighbours by name"
    return None


def wrong_system(row, target):
    if target.startswith("troupe/"):
        return None if os.path.exists("include/" + target) else "no such public header"
    if target.startswith("uv") and row not in USES_LIBUV:
        return "only runtime/ uses libuv"
    if target.startswith("jemalloc"):
        return "jemalloc belongs to the build, not to the sources"
    if target.startswith(("sys/", "linux/")) and row in ("mailbox", "scheduler"):
        return "the operating system is behind base/os.h"
    return None


def wrong_own(row, path, target):
    if "/" not in target:
        return "say where it lives: root-relative, \"base/os.h\""
    if target.startswith("troupe/"):
        return wrong_system(row, target)
    if not os.path.exists(target):
        return "no such file"
    allowed = set(TABLE[row])
    if row in ("test/unit", "test/property"):
        module = os.path.basename(path).split("_")[0]
        if module in TABLE:
            allowed = TABLE[module] | {"test/support"}
    if not any(target.startswith(folder + "/") for folder in allowed):
        return f"{row}/ may include only {', '.join(sorted(allowed))}"
    return None


def wrong(path, quote, target):
    row = home(path)
    if row is None:
        return wrong_public(quote, target)
    if row == "?":
        return "this folder has no row in the include table"
    return wrong_system(row, target) if quote == "<" else wrong_own(row, path, target)


def main():
    found = count = 0
    for path in sources():
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = INCLUDE.match(line)
                if match:
                    count += 1
                    why = wrong(path, *match.groups())
                    if why:
                        found += 1
                        print(f"{path}:{number}: {match.group(2)}: {why}")
    if count == 0:
        print("found no include at all")
    sys.exit(1 if found or count == 0 else 0)


main()
