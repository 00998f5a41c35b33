#!/usr/bin/env python3
"""Every C file is named in a meson.build, so that none is forgotten by a list."""
import os
import re
import sys

FOLDERS = ["base", "mailbox", "scheduler", "runtime", "bench", "examples", "test"]
UNBUILT = "test/checks/"  # compiled by the checks themselves


def named(path):
    """True when the nearest meson.build above the file names it, whole or without its ending."""
    folder = os.path.dirname(path)
    while folder:
        build = os.path.join(folder, "meson.build")
        if os.path.exists(build):
            with open(build, encoding="utf-8") as file:
                text = file.read()
            relative = os.path.relpath(path, folder)
            stem = re.sub(r"(_test)?\.c$", "", os.path.basename(path))
            return f"'{relative}'" in text or f"'{stem}'" in text
        folder = os.path.dirname(folder)
    return False


def main():
    found = 0
    for top in FOLDERS:
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name.endswith(".c") and not path.startswith(UNBUILT) and not named(path):
                    found += 1
                    print(f"{path}: no meson.build names it")
    sys.exit(1 if found else 0)


main()
