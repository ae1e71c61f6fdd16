"""A mixed load with faults for as long as asked, and a verdict. Called by scripts/soak."""

import argparse
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

# Seconds of a worker's life that say nothing of its memory: the page cache of each connection fills
# (2 MiB), those of few connections sooner. After it the verdict is strict.
WARM_UP = 150.0
POOL_SIZE = 2
# What allocators do by themselves, in KiB: they give pages back late and unevenly.
ALLOWANCE, ALLOWANCE_COLD = 1024, 4096
BLOCKS = 12


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--sluice", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--dir", default="/var/tmp", help="where the scratch spool is made")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args()


class Worker:
    """The worker, started again by whoever killed it."""

    def __init__(self, sluice, spool):
        self.command = [sluice, "run", "--spool", spool, "--database", spool + "/main.db",
                        "--set", f"pool_size={POOL_SIZE}"]
        self.log = open(spool + "/soak.log", "ab")
        self.lock = threading.Lock()
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=self.log)
        self.born = time.monotonic()

    def kill(self):
        with self.lock:
            self.process.kill()
            self.process.wait()
            self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)

    def sample(self):
        """Resident KiB without file mappings, and open descriptors."""
        with self.lock:
            pid = self.process.pid
            with open(f"/proc/{pid}/status") as status:
                fields = dict(line.split(":", 1) for line in status)
            return int(fields["RssAnon"].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


class Producer(threading.Thread):
    """Drops jobs of one kind, waits for each result, checks it and takes it away."""

    def __init__(self, spool, kind, seed):
        super().__init__(name=kind)
        self.spool, self.kind = spool, kind
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.count = 0
        self.waiting = {}  # name -> (labels it adds, the status it must have)
        self.added = []
        self.wrong = []

    def run(self):
        while not self.stopping.is_set():
            if len(self.waiting) < 64:
                self.drop()
            self.collect()
            time.sleep(self.random.uniform(0, 0.01))

    def drop(self):
        self.count += 1
        stem = f"{self.kind}-{self.count:07d}"
        name, lane, text, labels, status = getattr(self, self.kind)(stem)
        scratch = f"{self.spool}/tmp/{name}"
        with open(scratch, "w") as file:
            file.write(text)
        self.waiting[name] = (labels, status)
        os.rename(scratch, f"{self.spool}/incoming/{lane}/{name}")

    def collect(self):
        for name, (labels, status) in list(self.waiting.items()):
            result = name if name.endswith(".json") else name + ".json"
            path = f"{self.spool}/results/{result}"
            try:
                with open(path) as file:
                    said = json.load(file)
            except FileNotFoundError:
                continue
            del self.waiting[name]
            if said["status"] != status:
                self.wrong.append((name, said))
            elif status == "done":
                self.added += labels
            # A failed job's file follows its result.
            for left in {f"results/{result}", f"results/{name}", f"failed/{name}"}:
                try:
                    os.unlink(f"{self.spool}/{left}")
                except FileNotFoundError:
                    pass

    def write(self, stem):
        lane = self.random.choice(["urgent", "high", "normal", "low", "bulk"])
        job = {"sql": "INSERT INTO effect VALUES(?)", "params": [stem]}
        return stem + ".json", lane, json.dumps(job), [stem], "done"

    def read(self, stem):
        job = {"sql": "SELECT count(*), max(label) FROM effect WHERE label > ?", "params": [stem]}
        return stem + ".json", "normal", json.dumps(job), [], "done"

    def batch(self, stem):
        labels = [f"{stem}-{line}" for line in range(self.random.randint(1, 500))]
        head = {"sluice": {"sql": "INSERT INTO effect VALUES(?)"}}
        lines = [json.dumps(head)] + [json.dumps([label]) for label in labels]
        return stem + ".jsonl", "bulk", "\n".join(lines) + "\n", labels, "done"

    def script(self, stem):
        labels = [f"{stem}-{line}" for line in range(self.random.randint(1, 50))]
        text = "".join(f"INSERT INTO effect VALUES('{label}');\n" for label in labels)
        return stem + ".sql", "low", text, labels, "done"

    def failing(self, stem):
        sql = "INSERT INTO effect VALUES(?); INSERT INTO absent VALUES(1)"
        text = json.dumps({"statements": [{"sql": part} for part in sql.replace("?", "'x'").split("; ")]})
        return stem + ".json", "normal", text, [], "failed"


def blocks(points):
    """Means of equal parts: samples that follow each other are no independent ones."""
    size = max(1, len(points) // BLOCKS)
    parts = [points[at:at + size] for at in range(0, len(points) - size + 1, size)]
    return [(sum(x for x, _ in part) / size, sum(y for _, y in part) / size) for part in parts]


def slope(points):
    """Least squares: change per second and its standard error."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - rise * (x - mean_x)) ** 2 for x, y in points)
    return rise, math.sqrt(rest / (count - 2) / spread)


def hold_lock(path, seconds):
    database = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("COMMIT")
    except sqlite3.OperationalError:
        pass  # it met the worker's lock for ten seconds: nothing was held
    finally:
        database.close()


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    chance = random.Random(seed)
    home = f"{options.dir}/sluice-soak-{os.getpid()}"
    spool = home + "/spool"
    os.makedirs(home)
    subprocess.run([options.sluice, "init", spool], check=True, stdout=subprocess.DEVNULL)
    database = sqlite3.connect(spool + "/main.db")
    database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE effect(label TEXT);"
                           "CREATE INDEX effect_label ON effect(label);")
    database.close()
    print(f"seed {seed}, {options.seconds:.0f} s, spool {spool}", flush=True)

    worker = Worker(options.sluice, spool)
    kinds = ["write", "write2", "read", "batch", "script", "failing"]
    producers = []
    for index, kind in enumerate(kinds):
        producer = Producer(spool, kind.rstrip("2"), seed + index)
        if kind == "write2":
            producer.count = 5_000_000
        producers.append(producer)
        producer.start()

    # Faults first; the second half is one life without kills, in which memory is watched.
    started = time.monotonic()
    faults = {"kill": 0, "stop": 0, "lock": 0, "reload": 0}
    while time.monotonic() - started < options.seconds / 2:
        time.sleep(chance.uniform(0.2, 2.0))
        fault = chance.choice(list(faults))
        faults[fault] += 1
        if fault == "kill":
            worker.kill()
        elif fault == "stop":
            worker.process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.05, 0.5))
            worker.process.send_signal(signal.SIGCONT)
        elif fault == "lock":
            hold_lock(spool + "/main.db", chance.uniform(0.05, 1.0))
        elif time.monotonic() - worker.born > 1:
            worker.process.send_signal(signal.SIGHUP)
    memory, descriptors = [], []
    warm_up = min(WARM_UP, options.seconds / 4)
    jobs_before = None
    while time.monotonic() - started < options.seconds:
        time.sleep(0.5)
        age = time.monotonic() - worker.born
        if age > warm_up:
            if jobs_before is None:
                jobs_before = sum(producer.count for producer in producers)
            kib, count = worker.sample()
            memory.append((age, kib))
            descriptors.append((age, count))
    jobs_watched = sum(producer.count for producer in producers) - jobs_before

    for producer in producers:
        producer.stopping.set()
    for producer in producers:
        producer.join()
    deadline = time.monotonic() + 60
    while any(producer.waiting for producer in producers) and time.monotonic() < deadline:
        for producer in producers:
            producer.collect()
        time.sleep(0.01)
    exit_code = worker.stop()

    lost = [name for producer in producers for name in producer.waiting]
    wrong = [pair for producer in producers for pair in producer.wrong]
    added = [label for producer in producers for label in producer.added]
    database = sqlite3.connect(spool + "/main.db")
    found = dict(database.execute("SELECT label, count(*) FROM effect GROUP BY label"))
    integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    missing = [label for label in added if label not in found]
    stray = found.keys() - set(added)
    doubled = [label for label, count in found.items() if count > 1]

    rise, error = slope(blocks(memory))
    watched = memory[-1][0] - memory[0][0]
    # Growth counts if it is more than chance, and more than allocators do by themselves.
    allowance = ALLOWANCE if warm_up >= WARM_UP else ALLOWANCE_COLD
    grows = (rise - 2 * error) * watched > allowance
    told = (allowance + 4 * error * watched) * 1024 / max(1, jobs_watched)
    quarter = max(1, len(descriptors) // 4)
    first = max(count for _, count in descriptors[:quarter])
    last = max(count for _, count in descriptors[-quarter:])
    leaks = last > first + 2

    jobs = sum(producer.count % 5_000_000 for producer in producers)
    print(f"""
  jobs                  {jobs:>10,}   (effects {len(added):,})
  faults                {sum(faults.values()):>10,}   ({', '.join(f'{n} {kind}' for kind, n in faults.items())})
  jobs without a result {len(lost):>10,}
  results that are wrong{len(wrong):>10,}
  effects lost          {len(missing):>10,}
  effects doubled       {len(doubled):>10,}
  effects of nobody     {len(stray) if not lost else 0:>10,}
  integrity_check       {integrity:>10}
  worker's exit code    {exit_code:>10}
  memory                {memory[-1][1] / 1024:>8.1f} MiB, slope {rise * 60:+.1f} ± {2 * error * 60:.1f} KiB a minute over {watched:.0f} s: {'GROWS' if grows else 'flat'}
                         a leak of {told:.0f} bytes a job or more would have been told
  descriptors           {last:>10,}   ({first} in the first quarter): {'GROW' if leaks else 'flat'}
""")
    bad = lost or wrong or missing or doubled or stray or integrity != "ok" or exit_code != 0 or grows or leaks
    for name, said in wrong[:5]:
        print("  wrong:", name, json.dumps(said))
    if bad:
        print(f"FAILED; everything is left in {home}")
        return 1
    shutil.rmtree(home)
    print("passed")
    return 0


sys.exit(main())
