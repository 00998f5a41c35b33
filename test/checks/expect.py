#!/usr/bin/env python3
"""Runs a program and compares what it prints with a text: expect.py PROGRAM EXPECTED.

A line of the text matches when it is equal; "..." in it stands for anything.
"""
import re
import subprocess
import sys


def pattern(line):
    return ".*".join(re.escape(part) for part in line.split("..."))


def main():
    program, expected = sys.argv[1:3]
    run = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    with open(expected, encoding="utf-8") as file:
        want = file.read().splitlines()
    got = run.stdout.splitlines()
    same = len(want) == len(got) and all(re.fullmatch(pattern(w), g) for w, g in zip(want, got))
    if not same:
        print("--- expected", *want, "--- printed", *got, sep="\n")
    if run.returncode != 0:
        print(f"exit status {run.returncode}")
    sys.exit(0 if same and run.returncode == 0 else 1)


main()
