"""Where measurements are made, and the worker that is measured there."""

import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import time

LANES = ["urgent", "high", "normal", "low", "bulk", "control"]
TICK = os.sysconf("SC_CLK_TCK")


def file_system(path):
    """The file system that holds `path`, in words: type, device, and whether it has a journal."""
    path = os.path.realpath(path)
    best = ("", "?", "?")
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            left, right = line.split(" - ")
            point = left.split()[4]
            inside = point == "/" or path == point or path.startswith(point + "/")
            if inside and len(point) >= len(best[0]):
                kind, source = right.split()[:2]
                best = (point, kind, source)
    point, kind, source = best
    words = f"{kind} on {source}"
    if kind == "ext4":
        device = os.stat(path).st_dev
        name = os.path.basename(
            os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
        journal = os.path.exists(f"/proc/fs/jbd2/{name}-8")
        words += ", with a journal" if journal else ", WITHOUT a journal"
    return words


def machine(place, sqlite_version):
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores · Linux {platform.release()}\n"
        f"{file_system(place)} ({place})\n"
        f"SQLite {sqlite_version} (Sluice and floor), {sqlite3.sqlite_version} (Python)"
    )


class Place:
    """A directory that is emptied before each measurement."""

    def __init__(self, directory, programs):
        self.directory = directory
        self.programs = programs
        self.spool = os.path.join(directory, "spool")
        self.database = os.path.join(directory, "data", "main.db")

    def fresh(self):
        """An empty spool, and a database with the table `t` of 1,000 rows, all of it synced."""
        self.clear()
        for name in ["tmp", "results", *(f"incoming/{lane}" for lane in LANES)]:
            os.makedirs(os.path.join(self.spool, name))
        os.makedirs(os.path.dirname(self.database))
        connection = sqlite3.connect(self.database)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT)")
        connection.executemany(
            "INSERT INTO t(a,b) VALUES(?,?)", [(0, f"row {i}") for i in range(1000)])
        connection.commit()
        connection.close()
        os.sync()

    def grow(self, rows):
        """More rows in `t`, `rows` altogether."""
        connection = sqlite3.connect(self.database)
        connection.executemany(
            "INSERT INTO t(a,b) VALUES(?,?)", [(0, f"row {i}") for i in range(1000, rows)])
        connection.commit()
        connection.close()

    def clear(self):
        for name in [self.spool, os.path.dirname(self.database)]:
            shutil.rmtree(name, ignore_errors=True)
        os.sync()

    def fill(self, lane, prefix, count, kind):
        subprocess.run(
            [os.path.join(self.programs, "fill"), self.spool, lane, prefix, str(count), kind],
            check=True, stdout=subprocess.DEVNULL)

    def rows(self, where):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(f"SELECT count(*) FROM t WHERE {where}").fetchone()[0]
        finally:
            connection.close()

    def waiting(self):
        """Whether a job is left in incoming/ itself, in its lanes or in active/."""
        for name in ["incoming", *(f"incoming/{lane}" for lane in LANES), "active"]:
            path = os.path.join(self.spool, name)
            if not os.path.isdir(path):
                continue
            with os.scandir(path) as entries:
                if any(entry.name.endswith(".json") for entry in entries):
                    return True
        return False

    def results(self):
        with os.scandir(os.path.join(self.spool, "results")) as entries:
            return sum(1 for entry in entries if not entry.name.startswith("."))

    def check(self, who, jobs, written):
        """Nobody's figure counts unless every job has had its effect and its result."""
        results, rows = self.results(), self.rows("a=1")
        if results != jobs or rows != written or self.waiting():
            raise SystemExit(
                f"{who} is wrong: {jobs} jobs, {results} results, {rows} rows of {written}")

    def time_floor(self, kind):
        return self.timed([os.path.join(self.programs, "floor"), self.spool, self.database, kind])

    def timed(self, command):
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise SystemExit(
                f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
        return seconds


class Worker:
    """A running `sluice run`, watched through /proc."""

    def __init__(self, sluice, place, once=False):
        self.place = place
        self.command = [sluice, "run", "--spool", place.spool, "--database", place.database]
        if once:
            self.command.append("--once")
        self.log = open(os.path.join(place.directory, "worker.log"), "w+b")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid

    def status(self, field):
        """A field of /proc/PID/status in its own unit (kB for memory), or 0 once it has ended."""
        try:
            with open(f"/proc/{self.pid}/status") as status:
                for line in status:
                    if line.startswith(field + ":"):
                        return int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
        return 0

    def cpu(self):
        """Seconds of processor time so far, of all threads, to the nanosecond the kernel keeps."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat") as stat:
                total += int(stat.read().split()[0])
        return total / 1e9

    def wakeups(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/status") as status:
                for line in status:
                    if line.startswith("voluntary_ctxt_switches"):
                        total += int(line.split()[1])
        return total

    def wait_peak(self):
        """Waits for the end; returns (peak RSS in MiB, CPU seconds, exit status)."""
        peak = 0
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                break
            peak = max(peak, self.status("VmHWM"))
            time.sleep(0.02)
        self.log.close()
        return peak / 1024, usage.ru_utime + usage.ru_stime, self.process.returncode

    def settle(self):
        """Waits until it has come to rest, or for 5 s: one that never rests is a finding too."""
        deadline = time.monotonic() + 5
        before = -1.0
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"the worker ended with {self.process.returncode}: {self.said()}")
            time.sleep(0.5)
            now = self.cpu()
            if now - before < 0.005:
                return
            before = now

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
