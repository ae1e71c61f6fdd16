"""Makes each system call of a worker fail in turn, or kills the worker there, and checks what a next
worker makes of it. Called by scripts/faults; --help says how."""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import storm

# What is tried at each call, by its name; those of a name that a run never makes cost nothing.
ERRORS = {
    "openat": ["EIO", "ENOSPC", "EMFILE", "EACCES", "EINTR"],
    "read": ["EIO", "EINTR", "short"],
    "pread64": ["EIO", "EINTR", "short"],
    "write": ["EIO", "ENOSPC", "EINTR", "short"],
    "pwrite64": ["EIO", "ENOSPC", "EINTR", "short"],
    "rename": ["EIO", "ENOSPC", "EACCES"],
    "renameat": ["EIO", "ENOSPC", "EACCES"],
    "renameat2": ["EIO", "ENOSPC", "EACCES", "EINVAL"],
    "unlink": ["EIO", "EACCES"],
    "unlinkat": ["EIO", "EACCES"],
    "fsync": ["EIO", "ENOSPC", "EINTR"],
    "fdatasync": ["EIO", "ENOSPC", "EINTR"],
    "syncfs": ["EIO", "ENOSPC"],
    "ftruncate": ["EIO", "ENOSPC", "EINTR"],
    "fallocate": ["EIO", "ENOSPC", "EINTR"],
    "mmap": ["ENOMEM", "EACCES"],
    "mremap": ["ENOMEM"],
    "fcntl": ["EAGAIN", "EACCES", "EINTR", "EIO"],
    "flock": ["EINTR", "EIO"],
    "statx": ["EIO", "EACCES"],
    "newfstatat": ["EIO", "EACCES"],
    "fstat": ["EIO"],
    "stat": ["EIO", "EACCES"],
    "lstat": ["EIO", "EACCES"],
    "getdents64": ["EIO"],
    "mkdirat": ["EIO", "ENOSPC", "EACCES"],
    "fchmod": ["EIO", "EPERM"],
    "fstatfs": ["EIO"],
    "faccessat2": ["EIO", "EACCES"],
    "clone3": ["EAGAIN"],
    "inotify_init1": ["EMFILE"],
    "inotify_add_watch": ["ENOSPC", "EACCES"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": [],  # libuv aborts; the kernel's reasons to refuse are memory and a limit.
    "epoll_wait": ["EINTR"],
    "epoll_pwait": ["EINTR"],
    "eventfd2": ["EMFILE"],
    "pipe2": [],  # Likewise, while it is set up.
}
BOUND = 30  # Seconds after which a worker that has not ended is said to hang.


class Load:
    """The jobs of one short run, one of each kind, and what must have become of them."""

    schema = {
        "statements": [
            {"sql": "CREATE TABLE effect(job TEXT NOT NULL)"},
            {"sql": "CREATE TABLE line(job TEXT NOT NULL, n INTEGER NOT NULL)"},
            {"sql": "CREATE TABLE parent(id INTEGER PRIMARY KEY, job TEXT NOT NULL)"},
            {"sql": "CREATE TABLE person(name TEXT, age INTEGER)"},
            {"sql": "CREATE TABLE strict(value TEXT NOT NULL)"},
        ]
    }

    def __init__(self):
        add = "INSERT INTO effect VALUES(?)"
        self.files = {}  # Path in the spool: content.
        self.status = {}  # Name of the result: statuses that are right.
        self.effects = collections.Counter()
        self.lines = collections.Counter()
        self.left = set()  # Files in failed/.

        def job(name, content, status="done", effect=1, lane=""):
            text = content if isinstance(content, str) else json.dumps(content)
            self.files["incoming/" + lane + name] = text
            result = name if name.endswith(".json") else name + ".json"
            self.status[result] = {status} if isinstance(status, str) else set(status)
            if effect:
                self.effects[name] = effect
            if status in ("failed", "rejected"):
                self.left.add(name)

        for n in range(3):
            job(f"a{n}.json", {"sql": add, "params": [f"a{n}.json"]})
        job("b.json", {"statements": [
            {"sql": "INSERT INTO parent(job) VALUES('b.json') RETURNING id"},
            {"sql": "INSERT INTO effect SELECT 'b.json' FROM parent WHERE id=?",
             "params": [{"$ref": "0/0/0"}]}]})
        job("c.json", {"sql": "INSERT INTO line VALUES(?,?)",
                       "rows": [["c.json", n] for n in range(20)]}, effect=0)
        self.lines["c.json"] = 20
        job("d.json", {"statements": [
            {"sql": add, "params": ["d.json"]},
            {"sql": "INSERT INTO strict VALUES(NULL)"}]}, status="failed", effect=0)
        batch = [json.dumps({"sluice": {"sql": "INSERT INTO line VALUES(?,?)"}})]
        batch += [json.dumps(["e.jsonl", n]) for n in range(5)] + [json.dumps(["e.jsonl", None])]
        job("e.jsonl", "\n".join(batch) + "\n", status="failed", effect=0)
        self.lines["e.jsonl"] = 5
        job("f.sql", "BEGIN;\nINSERT INTO effect VALUES('f.sql');\n"
            "INSERT INTO line VALUES('f.sql', 1);\nCOMMIT;\n")
        self.lines["f.sql"] = 1
        job("g.json", {"import": {"file": "people.csv", "table": "person", "header": True}},
            effect=0)
        self.people = 40
        self.files["data/people.csv"] = "name,age\n" + "".join(
            f"p{n},{n}\n" for n in range(self.people))
        job("h.json", {"sql": "SELECT 7"}, effect=0)
        job("i.json", {"sql": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s "
                       "WHERE n<50) SELECT n FROM s", "result": {"format": "csv"}}, effect=0)
        for name in ("j1.json", "j2.json"):
            job(name, {"id": "once", "sql": "INSERT INTO effect VALUES('j')"}, effect=0)
        self.effects["j"] = 1
        job("k.json", {"sql": add, "params": ["k.json"], "after": ["a0.json"]})
        job("l.json", {"sql": add, "params": ["l.json"], "colour": 1}, status="rejected", effect=0)
        job("m.json", {"statements": [
            {"sql": "CREATE TEMP TABLE mine(x)"}, {"sql": "INSERT INTO mine VALUES('m.json')"},
            {"sql": "INSERT INTO effect SELECT x FROM mine"}]})
        job("n.json", {"sql": add, "params": ["n.json"]}, lane="urgent/")
        self.commands = {"o.json": {"control": "checkpoint"},
                         "p.json": {"control": "backup", "to": "copy.db"},
                         "q.json": {"control": "vacuum"}}
        for name, command in self.commands.items():
            # A command is not repeated: one that met the fault may say so.
            job(name, command, status=("done", "failed"), effect=0, lane="control/")

    def check(self, root, excused=None, given_up=frozenset()):
        """What is wrong with the spool in `root`: (kind, text) for each.

        `excused` is a job that may have failed, with no effect: its file was not to be read.
        `given_up` are jobs that must have failed, with no effect, or as far as they got in chunks.
        """
        if excused:
            return [(kind, text) for kind, text in self.check(root)
                    if kind == "doubled" or not (excused in text or "person" in text)]
        wrong = []
        database = sqlite3.connect(f"file:{root}/main.db?mode=ro", uri=True)
        try:
            state = database.execute("PRAGMA integrity_check").fetchone()[0]
            if state != "ok":
                wrong.append(("damaged", state))
            found = collections.Counter(
                dict(database.execute("SELECT job, count(*) FROM effect GROUP BY job")))
            lines = collections.Counter(
                dict(database.execute("SELECT job, count(*) FROM line GROUP BY job")))
            lines["person"] = database.execute("SELECT count(*) FROM person").fetchone()[0]
        finally:
            database.close()
        due = self.lines + collections.Counter({"person": self.people})
        for name, expected, got in [(n, self.effects[n], found[n])
                                    for n in self.effects | found] + \
                                   [(n, due[n], lines[n]) for n in due | lines]:
            in_chunks = name in ("e.jsonl", "person")
            if ("g.json" if name == "person" else name) in given_up and (got == 0 or in_chunks):
                expected = min(got, expected)
            if got != expected:
                kind = "lost" if got < expected else "doubled"
                wrong.append((kind, f"{name} has {got} effects instead of {expected}"))
        for name, right in self.status.items():
            try:
                with open(f"{root}/spool/results/{name}", "rb") as file:
                    result = json.load(file)
            except (OSError, ValueError) as error:
                wrong.append(("no result", f"{name}: {error}"))
                continue
            if name.removesuffix(".json") in given_up or name in given_up:
                right = {"failed", "rejected"}
            if result["status"] not in right:
                message = (result.get("error") or {}).get("message")
                wrong.append(("status", f"{name} is {result['status']}: {message}"))
        wrong += self.check_files(root, given_up)
        return wrong

    @staticmethod
    def status_of(root, name):
        try:
            with open(f"{root}/spool/results/{name}", "rb") as file:
                return json.load(file)["status"]
        except (OSError, ValueError):
            return None

    def check_files(self, root, given_up=frozenset()):
        wrong = []
        for place in ("active", "incoming", "incoming/urgent", "incoming/control", "tmp"):
            left = [n for n in os.listdir(f"{root}/spool/{place}")
                    if not os.path.isdir(f"{root}/spool/{place}/{n}")]
            if left:
                wrong.append(("left behind", f"{place}: {', '.join(sorted(left))}"))
        failed = set(os.listdir(f"{root}/spool/failed")) - set(self.commands)
        for name in sorted(failed ^ (self.left | given_up)):
            there = "has" if name in failed else "has not"
            wrong.append(("failed/", f"{there} {name}"))
        due = set(self.status) | {"e.jsonl", "i.rows.csv"}
        if "i.json" in given_up:
            due.remove("i.rows.csv")
        # A result that was taken away may come back where it may not have been durable.
        there = set(os.listdir(f"{root}/spool/results")) - {"tables.json"}
        if "e.jsonl" in given_up:  # Where it was rejected, no line has a result.
            due.remove("e.jsonl")
            there.discard("e.jsonl")
        if "copy.db" in there:
            there.remove("copy.db")
            copy = sqlite3.connect(f"file:{root}/spool/results/copy.db?immutable=1", uri=True)
            try:
                state = copy.execute("PRAGMA integrity_check").fetchone()[0]
            except sqlite3.DatabaseError as error:
                state = str(error)
            copy.close()
            if state != "ok":
                wrong.append(("damaged", f"copy.db: {state}"))
        elif self.status_of(root, "p.json") == "done":
            wrong.append(("results/", "no copy.db"))
        if there != due:
            wrong.append(("results/", f"more {sorted(there - due)}, less {sorted(due - there)}"))
        try:
            if "i.json" not in given_up:
                with open(f"{root}/spool/results/i.rows.csv") as file:
                    if len(file.readlines()) != 51:
                        wrong.append(("results/", "i.rows.csv is not whole"))
            if "e.jsonl" not in given_up:
                with open(f"{root}/spool/results/e.jsonl") as file:
                    states = [json.loads(line)["status"] for line in file]
                if states != ["done"] * 5 + ["failed"]:
                    wrong.append(("results/", f"e.jsonl has {states}"))
        except (OSError, ValueError) as error:
            wrong.append(("results/", str(error)))
        return wrong


class Harness:
    def __init__(self, sluice, inject, place):
        self.sluice, self.inject = sluice, inject
        self.root = tempfile.mkdtemp(prefix="sluice-faults-", dir=place)
        self.load = Load()
        self.template = f"{self.root}/template"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        self.number = 0
        self.lock = threading.Lock()
        os.mkdir(self.template)
        with open(f"{self.template}/sluice.toml", "w") as file:
            file.write("rescan = 0.5\nconnection_timeout = 5\n")
        subprocess.run([sluice, "init", f"{self.template}/spool"], check=True,
                       stdout=subprocess.DEVNULL, env=self.environment)
        with open(f"{self.template}/spool/incoming/tables.json", "w") as file:
            json.dump(self.load.schema, file)
        ended, _, errors = self.worker(self.template, [])
        if ended != 0:
            sys.exit(f"the worker cannot make the tables: {errors}")
        os.unlink(f"{self.template}/spool/results/tables.json")

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def worker(self, root, before, bound=BOUND):
        """Runs a worker to its end: its exit code (None: it had to be stopped), seconds, stderr."""
        start = time.monotonic()
        command = before + [
            self.sluice, "run", "--spool", f"{root}/spool", "--database", f"{root}/main.db",
            "--config", f"{root}/sluice.toml", "--once"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=self.environment)
        try:
            _, errors = process.communicate(timeout=bound)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()  # What it traces dies with it.
            _, errors = process.communicate()
            code = None
        return code, time.monotonic() - start, errors.decode(errors="replace")

    def fresh(self):
        with self.lock:
            self.number += 1
            root = f"{self.root}/{self.number}"
        shutil.copytree(self.template, root)
        for path in sorted(self.load.files):
            with open(f"{root}/spool/{path}", "w") as file:
                file.write(self.load.files[path])
        return root

    def baseline(self):
        """How often a run without a fault makes each call."""
        root = self.fresh()
        code, seconds, errors = self.worker(root, [self.inject, "all", "0", "count",
                                                   f"{root}/log", "--"])
        if code == 125:
            return None, errors
        counts = collections.Counter()
        with open(f"{root}/log") as file:
            for line in file:
                words = line.split("\t")
                if words[0] != "end":
                    counts[words[1]] += 1
        wrong = self.load.check(root)
        if wrong:
            sys.exit(f"a run without a fault is wrong already: {wrong}\n{errors}")
        shutil.rmtree(root)
        return counts, f"{seconds:.2f} s"

    def trial(self, call, which, action, kill=None, keep=False):
        """Injects one fault: what was met ('' if nothing was), and what is wrong then.

        `kill` is a call and its number at which another worker was killed before.
        """
        root = self.fresh()
        if kill:
            self.worker(root, [self.inject, *kill, "kill", f"{root}/log", "--"])
        code, _, errors = self.worker(
            root, [self.inject, call, which, action, f"{root}/log", "--"])
        with open(f"{root}/log") as file:
            met = [line.split("\t")[2] for line in file if not line.startswith("end")]
        wrong = []
        if code is None:
            wrong.append(("hang", "the worker with the fault did not end"))
        elif code > 128 and not (action == "kill" and code == 128 + signal.SIGKILL):
            wrong.append(("crash", f"the worker died of signal {code - 128}"))
        if "Fatal error" in errors:
            wrong.append(("crash", "the worker trapped"))
        if met and action not in ("kill", "short", "EINTR") and code is not None:
            lines = [line for line in errors.splitlines() if " working on " not in line]
            left = os.listdir(f"{root}/spool/active") or [
                n for n in os.listdir(f"{root}/spool/incoming") if n.endswith(("json", "sql"))]
            if left and not lines:
                wrong.append(("silent", f"exit code {code} with jobs left and no word"))
            if len(lines) > 30:
                wrong.append(("noisy", f"{len(lines)} lines"))
        again, _, later = self.worker(root, [])
        if again is None:
            wrong.append(("hang", "the next worker did not end"))
        elif again not in (0, 1):
            wrong.append(("crash", f"the next worker ended with {again}"))
        excused = None
        if action in ("EACCES", "EPERM") and met:
            # As if somebody had forbidden it: the job's own file, or the one it imports.
            name = "g.json" if met[0].endswith("people.csv") else met[0].split("@")[-1]
            excused = name if "@" in met[0] or name == "g.json" else None
        wrong += self.load.check(root, excused)
        if wrong:
            wrong.append(("said", errors.strip() + "\n--- then ---\n" + later.strip()))
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
        return (met[0] or "-" if met else ""), wrong, root


def plan(counts, which, seed):
    trials = []
    for call, count in sorted(counts.items()):
        if call not in ERRORS or (which and call not in which):
            continue
        for number in range(1, count + 3):
            for action in ["kill"] + ERRORS[call]:
                trials.append((call, str(number), action))
                # The next calls of its kind, too, as a disk does that is full for a while.
                if action in ("EIO", "ENOSPC", "EMFILE") and number % 4 == 1:
                    trials.append((call, f"{number}+3", action))
    chance = random.Random(seed)
    chance.shuffle(trials)
    if which:
        return trials
    # Each third one meets what a killed worker has left. All of them once, then others of this kind.
    kills = [trial[:2] for trial in trials if trial[2] == "kill" and "+" not in trial[1]]
    pairs = [trial + (chance.choice(kills),) for trial in chance.sample(trials, len(trials))]
    mixed = []
    for index, trial in enumerate(trials):
        mixed.append(trial)
        if index % 2:
            mixed.append(pairs[index // 2])
    return mixed + pairs[len(trials) // 2:]


def show(rows, wrongs, seconds):
    kinds = ["lost", "doubled", "hang", "crash", "other"]
    print(f"{'call':<18}{'calls':>7}{'kills':>7}{'errors':>8}" + "".join(f"{k:>9}" for k in kinds))
    total = collections.Counter()
    for call in sorted(rows):
        row = rows[call]
        total.update(row)
        print(f"{call:<18}{row['calls']:>7}{row['kills']:>7}{row['errors']:>8}"
              + "".join(f"{row[k]:>9}" for k in kinds))
    print(f"{'all':<18}{total['calls']:>7}{total['kills']:>7}{total['errors']:>8}"
          + "".join(f"{total[k]:>9}" for k in kinds))
    print(f"{total['kills'] + total['errors']} faults in {seconds:.0f} s, {wrongs} with wrong ends")


def main():
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long (300)")
    parser.add_argument("--seed", type=int, help="order of the faults, as an earlier run printed it")
    parser.add_argument("--which", help="only these calls, or actions: openat,fsync or kill,EIO")
    parser.add_argument("--only", help="one fault, as a failure printed it: openat:17:EIO, or "
                        "fsync:3,openat:17:EIO after a kill at a call")
    parser.add_argument("--storm", action="store_true",
                        help="many faults in each life of a worker, and kills; counts each")
    parser.add_argument("--faults", type=int, help="in a storm: end after so many")
    parser.add_argument("--trial", type=int, help="in a storm: only this one; keeps its scratch")
    parser.add_argument("--place", help="directory for scratch (default: memory, else TMPDIR)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sluice", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--inject", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    place = options.place or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    harness = Harness(options.sluice, options.inject, place)
    try:
        status = storm.run(harness, options) if options.storm else run(harness, options)
    finally:
        if not (options.only and not options.json) and options.trial is None:
            harness.close()
    sys.exit(status)


def run(harness, options):
    if options.only:
        *kill, last = options.only.split(",")
        met, wrong, root = harness.trial(
            *last.split(":"), kill=kill[0].split(":") if kill else None, keep=True)
        print(f"met: {met or 'nothing'}")
        for kind, text in wrong:
            print(f"{kind}: {text}")
        print(f"what there is stays in {root}")
        return 1 if wrong else 0
    counts, said = harness.baseline()
    if counts is None:
        print(f"skipped: this machine lets nobody trace ({said.strip()})")
        return 0
    asked = set(options.which.split(",")) if options.which else set()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    trials = plan(counts, asked & set(ERRORS), seed)
    if asked - set(ERRORS):
        trials = [t for t in trials if t[2] in asked]
    print(f"seed {seed}: {len(trials)} faults, {sum(counts.values())} calls in a run of {said}")
    rows = collections.defaultdict(collections.Counter)
    for call, count in counts.items():
        if call in ERRORS:
            rows[call]["calls"] = count
    start = time.monotonic()
    wrongs, ran, shown = 0, 0, 0
    pending = iter(trials)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def next_one():
            trial = next(pending, None)
            if trial is None or time.monotonic() - start > options.seconds:
                return None
            return pool.submit(lambda: (trial, harness.trial(*trial)))
        running = [f for f in (next_one(), next_one()) if f]
        while running:
            done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in done:
                running.remove(future)
                if follower := next_one():
                    running.append(follower)
                (call, which, action, *kill), (met, wrong, _) = future.result()
                if met:
                    rows[call]["kills" if action == "kill" else "errors"] += 1
                elif not wrong:
                    continue
                ran += 1
                if wrong:
                    wrongs += 1
                    kinds = {k if k in ("lost", "doubled", "hang", "crash") else "other"
                             for k, _ in wrong if k != "said"}
                    rows[call].update(kinds)
                    shown += 1
                    if shown <= 200:
                        first = "".join(":".join(k) + "," for k in kill)
                        print(f"WRONG scripts/faults --only {first}{call}:{which}:{action}"
                              f"  at {met}")
                        for kind, text in wrong:
                            print("    " + f"{kind}: {text}".replace("\n", "\n      "))
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{ran} faults, {wrongs} wrong ")
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    show(rows, wrongs, time.monotonic() - start)
    if options.json:
        print(json.dumps({"seed": seed, "faults": ran, "wrong": wrongs, "calls": rows}))
    return 1 if wrongs else 0


if __name__ == "__main__":
    main()
