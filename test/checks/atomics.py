#!/usr/bin/env python3
"""Atomic operations name their memory order, and an order that is not relaxed says why.

In the modules: every operation is the _explicit form of <stdatomic.h>; no compiler builtins. Near
every acquire, release, acq_rel or seq_cst stands a comment with the word ORDER.
"""
import os
import re
import sys

FOLDERS = ["base", "mailbox", "scheduler", "runtime"]
IMPLICIT = re.compile(
    r"\batomic_(?:load|store|exchange|compare_exchange_strong|compare_exchange_weak|fetch_\w+?|"
    r"flag_test_and_set|flag_clear)\s*\(")
BUILTIN = re.compile(r"\b__(?:atomic|sync)_\w+\s*\(")
ORDERED = re.compile(r"\bmemory_order_(?:acquire|release|acq_rel|seq_cst|consume)\b")
NEAR = 12  # lines above in which the ORDER comment may stand


def code_of(lines):
    """The lines with comments blanked."""
    text = "\n".join(lines)
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.DOTALL).split("\n")


def check(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, code in enumerate(code_of(lines), 1):
        if IMPLICIT.search(code) and "_explicit" not in IMPLICIT.search(code).group(0):
            yield number, "use the _explicit form"
        if BUILTIN.search(code):
            yield number, "use <stdatomic.h>, not a builtin"
        near = lines[max(0, number - 1 - NEAR):number + 1]
        if ORDERED.search(code) and not any("ORDER" in line for line in near):
            yield number, "an ORDER comment says what this order is for and what it pairs with"


def main():
    found = files = 0
    for top in FOLDERS:
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    files += 1
                    path = os.path.join(folder, name)
                    for number, why in check(path):
                        found += 1
                        print(f"{path}:{number}: {why}")
    sys.exit(1 if found or files == 0 else 0)


main()
