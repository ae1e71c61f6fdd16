"""Storms: lives of a worker in which any call may fail, and which may end by a kill, one after
another on one spool; then a worker without a fault puts all in order. `scripts/faults --storm`."""
import collections
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import time

ACTIONS = ["kill", "EIO", "ENOSPC", "EMFILE", "EACCES", "EINTR", "short"]
# Of the call's own errors all are tried; those that are none of ACTIONS are counted as "other".
KINDS = ["lost", "doubled", "hang", "crash", "other"]
# How a job may end that a storm met: given up with no effect, and said so. SQLITE_FULL is of one that
# failed for want of room twice while a write of its size beside it did not, SQLITE_CORRUPT of one that
# three connections, with pauses between them, saw as on a damaged page.
GIVEN_UP = {"SLUICE_POISON", "SLUICE_BAD_FILE", "SLUICE_DEPENDENCY", "SQLITE_FULL", "SQLITE_CORRUPT"}
# A read is tried `max_retries` times.
READS_GIVEN_UP = {"SQLITE_CANTOPEN", "SQLITE_IOERR"}


STORM_SECONDS = 10  # Where much fails, the pauses grow and a storm could last for minutes.
BOUND = STORM_SECONDS + 50  # Seconds after which a worker is said to hang.
READS = ("h.json", "i.json")
AT_ONCE = 8  # More than there are processors: most of a storm is waiting to try again.


class Trial:
    """One spool with jobs of each kind, the lives that it sees, and what is wrong afterwards."""

    def __init__(self, harness, errors, calls, seed, number):
        self.harness, self.errors, self.calls = harness, errors, calls
        self.name = f"--seed {seed} --trial {number}"
        self.chance = random.Random(f"{seed}/{number}")
        self.faults = collections.Counter()  # (call, action)
        self.given_up = collections.Counter()  # code of the error
        self.wrong, self.said, self.odd = [], [], []
        self.lives = 0

    def run(self, keep=False):
        self.root = self.harness.fresh()
        kills = 0
        for _ in range(self.chance.randint(2, 6)):
            # Three in a row may burn a job (SLUICE_POISON), which is promised, but proves little.
            kills = self.live(may_die=kills < 2, kills=kills)
            if self.wrong:
                break
        if not self.wrong:
            self.calm()
        if self.wrong:
            self.wrong.append(("results say", "\n".join(filter(None, self.odd))))
            self.wrong.append(("said", "\n--- then ---\n".join(self.said)))
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)
        return self

    def weather(self):
        """Which calls may fail and how, how seldom, and from which call to which."""
        chance = self.chance
        calls = {call: errors for call, errors in self.errors.items() if errors}
        mood = chance.choice(["all", "all", "disk", "some calls", "one error"])
        if mood == "disk":
            calls = {c: [e for e in errors if e in ("EIO", "ENOSPC")] for c, errors in calls.items()}
        elif mood == "some calls":
            calls = {c: calls[c] for c in chance.sample(sorted(calls), 8)}
        elif mood == "one error":
            one = chance.choice(ACTIONS[1:])
            calls = {c: [e for e in errors if e == one] for c, errors in calls.items()}
        calls = {c: errors for c, errors in calls.items() if errors}
        rarity = chance.choice([2, 5, 10, 20, 50, 100])
        # One fault at its start may end a worker: most storms come later, and meet more of its life.
        first = chance.randrange(self.calls) if chance.random() < 0.8 else 0
        length = int(self.calls * chance.choice([0.1, 0.5, 2]))
        return ",".join(f"{c}={'|'.join(e)}" for c, e in calls.items()), rarity, first, length

    def live(self, may_die, kills):
        plans, rarity, first, length = self.weather()
        dies = self.chance.randint(1, int(self.calls * 1.2)) if self.chance.random() < 0.4 else 0
        log = f"{self.root}/log"
        storm = f"{self.chance.getrandbits(63)}:{rarity}:{first}:{first + length}:{dies * may_die}"
        storm += f":{STORM_SECONDS}"
        code, seconds, errors = self.harness.worker(
            self.root, [self.harness.inject, plans, storm, "storm", log, "--"], BOUND)
        self.lives += 1
        met = collections.Counter()
        with open(log) as file:
            for line in file:
                words = line.rstrip("\n").split("\t")
                if words[0] != "end":
                    met[(words[1], words[4])] += 1
        self.faults += met
        self.said.append(f"storm {storm} with {met.total()} faults, "
                         f"exit code {code} after {seconds:.1f} s\n{errors.strip()}")
        died = any(action == "kill" for _, action in met)
        self.judge(code, errors, died, met.total())
        return kills + 1 if died else 0

    def judge(self, code, errors, died, faults):
        if code is None:
            self.wrong.append(("hang", "the worker did not end though the storm had"))
        elif code > 128 and not (died and code == 128 + signal.SIGKILL):
            self.wrong.append(("crash", f"the worker died of signal {code - 128}"))
        if "Fatal error" in errors:
            self.wrong.append(("crash", "the worker trapped"))
        lines = [line for line in errors.splitlines() if " working on " not in line]
        if code not in (None, 0) and not died and not lines and self.left():
            self.wrong.append(("silent", f"exit code {code}, no word, and left {self.left()}"))
        if len(lines) > 30 + faults:
            self.wrong.append(("noisy", f"{len(lines)} lines for {faults} faults"))

    def left(self):
        spool = f"{self.root}/spool"
        # Hidden there is what has its result, which is not durable yet.
        return [n for place in ("active", "incoming") for n in os.listdir(f"{spool}/{place}")
                if n.endswith(("json", "jsonl", "sql")) and not n.startswith(".")]

    def calm(self):
        code, _, errors = self.harness.worker(self.root, [])
        self.said.append(errors.strip())
        if code is None:
            self.wrong.append(("hang", "the worker after the storm did not end"))
        elif code not in (0, 1):
            self.wrong.append(("crash", f"the worker after the storm ended with {code}"))
        else:
            try:
                self.wrong += self.harness.load.check(self.root, given_up=self.burnt())
            except (OSError, sqlite3.Error) as error:
                self.wrong.append(("damaged", str(error)))

    def burnt(self):
        """Jobs that were given up as the contract allows it."""
        load, names = self.harness.load, set()
        results = f"{self.root}/spool/results"
        for result, right in load.status.items():
            try:
                with open(f"{results}/{result}", "rb") as file:
                    said = json.load(file)
            except (OSError, ValueError):
                continue
            error = said.get("error") or {}
            code = re.sub("(SQLITE_[A-Z]+)_.*", r"\1", error.get("code", ""))
            allowed = GIVEN_UP | (READS_GIVEN_UP if said["job"] in READS else set())
            as_due = said["status"] in right and (
                code == "SLUICE_LINES" if said["job"] == "e.jsonl" else code != "SLUICE_BAD_FILE")
            if as_due or code not in allowed:
                self.odd.append(f"{said['job']}: {error.get('message')}" if error else "")
                continue
            # Only where it was as if somebody had forbidden its file, or it could not be read each time.
            if code != "SLUICE_BAD_FILE" or "Permission denied" in error["message"] \
                    or error["kind"] == "storage" and error["retryable"]:
                names.add(said["job"])
                self.given_up[code] += 1
        return names


def show(trials, lives, faults, wrongs, given_up, seconds):
    columns = ACTIONS + ["other"]
    print(f"{'call':<18}" + "".join(f"{c:>9}" for c in columns) + f"{'all':>9}")
    rows = collections.defaultdict(collections.Counter)
    for (call, action), count in faults.items():
        for row in (rows[call], rows["~all"]):
            row[action if action in ACTIONS else "other"] += count
    for call in sorted(rows):
        cells = "".join(f"{rows[call][c]:>9}" for c in columns)
        print(f"{call.lstrip('~'):<18}{cells}{rows[call].total():>9}")
    ends = "  ".join(f"{kind} {wrongs[kind]}" for kind in KINDS)
    print(f"{faults.total()} faults in {lives} lives of {trials} storms, {seconds:.0f} s:  {ends}")
    if given_up:
        print("jobs given up, without effect: "
              + ", ".join(f"{n} {code}" for code, n in sorted(given_up.items())))


def run(harness, options):
    from faults import ERRORS
    counts, said = harness.baseline()
    if counts is None:
        print(f"skipped: this machine lets nobody trace ({said.strip()})")
        return 0
    calls = sum(count for call, count in counts.items() if call in ERRORS)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    if options.trial is not None:
        trial = Trial(harness, ERRORS, calls, seed, options.trial).run(keep=True)
        for kind, text in trial.wrong:
            print(f"{kind}: {text}")
        print(f"{trial.faults.total()} faults; what there is stays in {trial.root}")
        return 1 if trial.wrong else 0
    print(f"storms of seed {seed}: {calls} calls in a run of {said}", flush=True)
    start = time.monotonic()
    faults, wrongs, given_up = (collections.Counter() for _ in range(3))
    number = trials = lives = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = set()
        while True:
            goes_on = time.monotonic() - start < options.seconds and \
                (options.faults is None or faults.total() < options.faults)
            while goes_on and len(running) < AT_ONCE:
                running.add(pool.submit(Trial(harness, ERRORS, calls, seed, number).run))
                number += 1
            if not running:
                break
            done, running = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in done:
                trial = future.result()
                trials, lives = trials + 1, lives + trial.lives
                faults += trial.faults
                given_up += trial.given_up
                if trial.wrong:
                    wrongs.update({k if k in KINDS else "other" for k, _ in trial.wrong
                                   if k not in ("said", "results say")})
                    print(f"WRONG scripts/faults --storm {trial.name}")
                    for kind, text in trial.wrong:
                        print("    " + f"{kind}: {text}".replace("\n", "\n      "), flush=True)
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{faults.total()} faults, {wrongs.total()} wrong ")
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    show(trials, lives, faults, wrongs, given_up, time.monotonic() - start)
    if options.json:
        print(json.dumps({"seed": seed, "faults": faults.total(), "wrong": wrongs.total()}))
    return 1 if wrongs else 0
