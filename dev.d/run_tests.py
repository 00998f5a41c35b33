#!/usr/bin/env python3
"""Runs the tests of one build directory, one line of progress each, and counts them.

A Criterion program counts as many as it has test cases, any other program as one. A test that
hangs is killed; where gdb is installed the stacks of its threads are shown first. A report of a
sanitizer fails its test whatever the exit status is. The last line is the sum.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

SUITES = ["unit", "property", "examples", "model", "integration", "stress"]
SKIP_STATUS = 77
TAIL_LINES = 200
printing = threading.Lock()


def say(text):
    with printing:
        print(text, flush=True)


class Test:
    def __init__(self, entry):
        suites = [name.split(":")[-1] for name in entry["suite"]]
        self.suite = next((name for name in suites if name in SUITES), suites[0])
        self.criterion = "criterion" in suites
        self.name = f"{self.suite}/{entry['name']}"
        self.command = entry["cmd"]
        self.env = entry.get("env", {})
        self.workdir = entry.get("workdir")
        self.timeout = entry["timeout"]
        self.parallel = entry["is_parallel"]


class Result:
    def __init__(self, passed=0, failed=0, skipped=0, note="", output=""):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.note, self.output = note, output


def load(build):
    text = subprocess.run(["meson", "introspect", "--tests", build], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    tests = [Test(entry) for entry in json.loads(text)]
    return sorted(tests, key=lambda test: (SUITES.index(test.suite), test.name))


def family(pid):
    """A process and all its descendants."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as file:
                for child in file.read().split():
                    found += family(int(child))
        except OSError:
            pass
    return found


def stacks(pid):
    if not shutil.which("gdb"):
        return "(install gdb to see where it hangs)\n"
    text = ""
    for one in family(pid):
        try:
            text += subprocess.run(
                ["gdb", "-p", str(one), "-batch", "-nx", "-ex", "set pagination off",
                 "-ex", "thread apply all bt"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, errors="replace", timeout=60).stdout
        except subprocess.TimeoutExpired:
            text += f"(gdb hangs on process {one})\n"
    return text


def sanitizer_env(log):
    common = f"log_path={log}"
    return {
        "ASAN_OPTIONS": f"{common}:detect_leaks=1:strict_string_checks=1:check_initialization_order=1",
        "LSAN_OPTIONS": common,
        "UBSAN_OPTIONS": f"{common}:print_stacktrace=1",
        "TSAN_OPTIONS": f"{common}:second_deadlock_stack=1:history_size=4",
    }


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def tap_counts(path):
    """Passed, failed and skipped test cases of a Criterion report; names of the failed."""
    passed = failed = skipped = 0
    names = []
    for line in read(path).splitlines():
        if line.startswith("not ok"):
            failed += 1
            names += line[9:].split()[:1]
        elif line.startswith("ok"):
            if "# SKIP" in line:
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped, names


class Runner:
    def __init__(self, options):
        self.options = options
        self.logs = os.path.join(options.build, "test-logs")
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)
        self.end = time.monotonic() + options.budget
        self.sum = Result()
        self.done = 0
        self.replays = []
        self.shown = set()  # a soak shows the output of a test that fails again and again once

    def arguments(self, test, base):
        extra = []
        if test.criterion:
            extra += [f"--tap={base}.tap", "-j1"]
        if test.suite == "stress":
            extra += ["--seconds", f"{self.options.stress_seconds:g}"]
            if self.options.soak_minutes:
                extra += ["--seed", str(random.getrandbits(32) | 1)]
        return extra

    def run(self, test, number):
        base = os.path.join(self.logs, f"{number}-{test.name.replace('/', '-')}")
        if time.monotonic() > self.end:
            return Result(failed=1, note="not run: the time for this step is up")
        extra = self.arguments(test, base)
        command = self.options.wrap.split() + test.command + extra
        env = {**os.environ, "LC_ALL": "C", **test.env, **sanitizer_env(base + ".report")}
        limit = test.timeout * self.options.timeout_factor
        if test.suite == "stress":
            limit += 2 * self.options.stress_seconds
        limit = min(limit, max(5, self.end + 20 - time.monotonic()))
        hung = ""
        with open(base + ".log", "wb") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT, env=env, cwd=test.workdir or self.options.build,
                                     start_new_session=True)
            try:
                status = child.wait(limit)
            except subprocess.TimeoutExpired:
                hung = f"\nno end after {limit:.0f} s; stacks of its threads:\n{stacks(child.pid)}"
                status = None
            finally:  # also whatever it left behind in its own session
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass
                child.wait()
        with open(base + ".log", "a", encoding="utf-8") as log:
            log.write(hung)
        return self.judge(test, base, status, extra)

    def judge(self, test, base, status, extra):
        output = read(base + ".log")
        reports = sorted(glob.glob(glob.escape(base) + ".report*"))
        for report in reports:
            output += f"\n--- sanitizer report\n{read(report)}"
        result = Result(output=output)
        if test.criterion:
            result.passed, result.failed, result.skipped, names = tap_counts(base + ".tap")
            result.note = f"{result.passed} tests"
            if names:
                result.note += ", failed: " + " ".join(names)
            if status != 0 and result.failed == 0:
                result.failed = 1
            if result.passed + result.failed + result.skipped == 0:
                result.failed, result.note = 1, "no test ran"
        elif status == SKIP_STATUS:
            result.skipped = 1
        elif status == 0:
            result.passed = 1
        else:
            result.failed = 1
        if status is None:
            result.note += " hangs"
        elif status < 0:
            result.note += f" ended by signal {-status}"
        elif result.failed and status:
            result.note += f" exit status {status}"
        if reports:
            result.note += " sanitizer report"
            if result.failed == 0:
                result.failed = 1
                result.passed = 0 if not test.criterion else max(0, result.passed - 1)
        if result.failed:
            self.replay(test, output, extra)
        return result

    def replay(self, test, output, extra):
        command = test.command + [a for a in extra if not a.startswith("--tap")]
        seed = re.search(r"seed\W{1,3}(0x[0-9a-fA-F]+|\d+)", output, re.IGNORECASE)
        if seed and "--seed" not in command and not test.criterion:
            command += ["--seed", seed.group(1)]
        self.replays.append(" ".join(self.readable(part) for part in command))

    def readable(self, part):
        if not part.startswith(os.sep) and os.path.exists(os.path.join(self.options.build, part)):
            part = os.path.abspath(os.path.join(self.options.build, part))
        return os.path.relpath(part) if part.startswith(os.sep) else part

    def report(self, test, result, seconds, total):
        self.done += 1
        verdict = "FAILED" if result.failed else "skipped" if not result.passed else "ok"
        note = f" ({result.note.strip()})" if result.note.strip() else ""
        count = f"[{self.done}/{total}]" if total else f"[{self.done}]"
        text = f"{count} {self.options.label}{test.name} … {verdict} {seconds:.1f} s{note}"
        if result.failed and result.output and test.name not in self.shown:
            self.shown.add(test.name)
            lines = result.output.rstrip().splitlines()
            cut = len(lines) - TAIL_LINES
            if cut > 0 and not self.options.full_output:
                where = f"({cut} lines before these are in {os.path.relpath(self.logs)})"
                lines = [where] + lines[-TAIL_LINES:]
            text += "\n    | " + "\n    | ".join(lines)
        say(text)
        self.sum.passed += result.passed
        self.sum.failed += result.failed
        self.sum.skipped += result.skipped

    def one(self, test, number, total):
        start = time.monotonic()
        result = self.run(test, number)
        self.report(test, result, time.monotonic() - start, total)
        if self.options.soak_minutes and not result.failed:
            for path in glob.glob(os.path.join(glob.escape(self.logs), f"{number}-*")):
                os.remove(path)

    def all(self, tests):
        total = len(tests)
        numbered = list(enumerate(tests, 1))
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for done in [pool.submit(self.one, test, number, total)
                         for number, test in numbered if test.parallel]:
                done.result()
        for number, test in numbered:
            if not test.parallel:
                self.one(test, number, total)

    def soak(self, tests):
        end = time.monotonic() + 60 * self.options.soak_minutes
        self.end = end + 600
        number = 0
        while time.monotonic() < end and tests:
            for test in tests:
                number += 1
                self.one(test, number, 0)
                if time.monotonic() >= end:
                    break


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--suites", default=",".join(SUITES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stress-seconds", type=float, default=2)
    parser.add_argument("--timeout-factor", type=float, default=1)
    parser.add_argument("--budget", type=float, default=240, help="seconds for all tests together")
    parser.add_argument("--label", default="")
    parser.add_argument("--wrap", default="", help="a command to run each test under")
    parser.add_argument("--full-output", action="store_true")
    parser.add_argument("--soak-minutes", type=float, default=0)
    parser.add_argument("patterns", nargs="*", help="run only tests whose name contains one")
    return parser.parse_args()


def main():
    options = parse()
    options.build = os.path.abspath(options.build)
    wanted = options.suites.split(",")
    tests = [test for test in load(options.build) if test.suite in wanted]
    if options.patterns:
        tests = [t for t in tests if any(pattern in t.name for pattern in options.patterns)]
    runner = Runner(options)
    if options.soak_minutes:
        runner.soak(tests)
    else:
        runner.all(tests)
    if runner.replays:
        say("to run a failed test again:")
        for command in dict.fromkeys(runner.replays):
            say(f"    {command}")
    total = runner.sum
    if total.passed + total.failed == 0:
        say("no test ran")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    sys.exit(1 if total.failed or total.passed == 0 else 0)


main()
