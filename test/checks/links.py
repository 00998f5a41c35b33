#!/usr/bin/env python3
"""Links and file names in the Markdown files lead somewhere.

Checked: relative links and their anchors, and every `path/to/file.ext` in backticks whose first
folder exists here.
"""
import os
import re
import sys

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\s]+)`")
FILE = re.compile(r"^[\w.-]+(?:/[\w.-]+)*/[\w.-]+\.(?:c|h|md|py|sh|txt|json|build)$")


def documents():
    for folder, folders, names in os.walk("."):
        folders[:] = [f for f in folders if f not in (".git", "build", "subprojects")]
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.normpath(os.path.join(folder, name))


def prose(path):
    """Numbered lines outside of code blocks."""
    fenced = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            elif not fenced:
                yield number, line


def anchors(path):
    seen = {}
    found = set()
    for _, line in prose(path):
        match = re.match(r"#{1,6}\s+(.*?)\s*#*\s*$", line)
        if match:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            found.add(f"{slug}-{count}" if count else slug)
        found.update(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", line))
    return found


def wrong_link(document, target):
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    path, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if not os.path.exists(file):
        return "no such file"
    if anchor and file.endswith(".md") and anchor not in anchors(file):
        return "no such heading"
    return None


def wrong_name(document, name):
    path = re.sub(r":\d+(-\d+)?$", "", name)
    if not FILE.match(path):
        return None
    first = path.split("/")[0]
    here = os.path.join(os.path.dirname(document), path)
    if first == "troupe":
        path = "include/" + path
    elif not os.path.isdir(first):
        return None
    return None if os.path.exists(path) or os.path.exists(here) else "no such file"


def main():
    found = 0
    for document in documents():
        for number, line in prose(document):
            text = CODE.sub("", line)
            wrong = [(t, wrong_link(document, t)) for m in LINK.finditer(text) for t in [m[1] or m[2]]]
            wrong += [(name, wrong_name(document, name)) for name in CODE.findall(line)]
            for target, why in wrong:
                if why:
                    found += 1
                    print(f"{document}:{number}: {target}: {why}")
    sys.exit(1 if found else 0)


main()
