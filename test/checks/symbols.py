#!/usr/bin/env python3
"""What the built libraries show: symbols.py BUILD_DIRECTORY.

libtroupe.so exports exactly the functions that the public headers declare; the global symbols of
libtroupe.a begin with tr_ or tri_; the shared library needs no malloc but the process's.
"""
import glob
import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def defined(*arguments):
    rows = [line.split() for line in output("nm", "--defined-only", *arguments).splitlines()]
    return {row[2].split("@")[0] for row in rows if len(row) == 3}


def declared():
    names = set()
    for path in glob.glob("include/troupe/*.h"):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", file.read(), flags=re.DOTALL)
        for declaration in re.findall(r"\bTR_API\b([^;{]*);", text):
            match = re.search(r"\b(tr_\w+)\s*\(", declaration)
            if match:
                names.add(match.group(1))
    return names


def main():
    build = sys.argv[1]
    exported = defined("-D", f"{build}/libtroupe.so")
    public = declared()
    problems = [f"libtroupe.so exports {name}, which no public header declares"
                for name in sorted(exported - public)]
    problems += [f"{name} is declared with TR_API, but libtroupe.so does not export it"
                 for name in sorted(public - exported)]
    problems += [f"libtroupe.a has the global symbol {name}"
                 for name in sorted(defined("--extern-only", f"{build}/libtroupe.a"))
                 if not name.startswith(("tr_", "tri_"))]
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", f"{build}/libtroupe.so"))
    problems += [f"libtroupe.so needs {name}" for name in needed
                 if not re.match(r"(libuv|libc|libpthread|ld-linux.*)\.so", name)]
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", output("readelf", "-d", f"{build}/libtroupe.so"))
    if soname != ["libtroupe.so.0"]:
        problems.append(f"the soname is {soname}")
    if not public:
        problems.append("found no declaration with TR_API")
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(1 if problems else 0)


main()
