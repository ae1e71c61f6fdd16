"""Measures Sluice beside what it is to be compared with; started by scripts/bench."""

import argparse
import json
import os
import subprocess
import sys
import time

from place import Place, Worker, machine
from stats import median, percentile, spread, table

HERE = os.path.dirname(os.path.abspath(__file__))


def writers(place, *arguments):
    """Starts writers.py; `finish` reads what it says."""
    return subprocess.Popen(
        [sys.executable, os.path.join(HERE, "writers.py"), place.database, *arguments],
        stdout=subprocess.PIPE)


def finish(process):
    out, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit("the writers failed")
    return json.loads(out)


def sluice_once(options, place):
    return place.timed(
        [options.sluice, "run", "--once", "--spool", place.spool, "--database", place.database])


def measure(options, place, which):
    """One figure of one round: jobs or transactions per second."""
    who, _, kind = which.partition("-")
    place.fresh()
    if who == "processes":
        result = finish(writers(place, "--processes", str(options.processes),
                                "--seconds", str(options.seconds)))
        return result["transactions"] / result["seconds"], result
    place.fill(".", "j", options.jobs, kind)
    os.sync()
    seconds = place.time_floor(kind) if who == "floor" else sluice_once(options, place)
    place.check(who, options.jobs, options.jobs if kind == "write" else 0)
    return options.jobs / seconds, None


def throughput(options, place):
    parts = [part for part in options.which.split(",") if part]
    order = [f"{who}-{kind}" for kind in ("write", "read") for who in ("sluice", "floor")
             if who in parts]
    if "processes" in parts:
        order.insert(min(2, len(order)), "processes")
    figures = {which: [] for which in order}
    waits = []
    for number in range(options.rounds):
        for which in order:
            figure, result = measure(options, place, which)
            figures[which].append(figure)
            if result:
                waits.append(result)
            print(f"  round {number + 1}/{options.rounds}  {which:14} {figure:10,.0f}/s",
                  file=sys.stderr, flush=True)

    names = {
        "sluice-write": "Sluice, writes", "floor-write": "C floor, writes",
        "sluice-read": "Sluice, reads", "floor-read": "C floor, reads",
        "processes": f"{options.processes} processes, writes",
    }
    print(f"Jobs a second: {options.jobs:,} files, {options.rounds} rounds in turn\n")
    table(["", "median", "min", "max"],
          [[names[which], *spread(figures[which])] for which in order])
    ratios = []
    for top, bottom in [("sluice-write", "floor-write"), ("sluice-read", "floor-read"),
                        ("sluice-write", "processes")]:
        if top in figures and bottom in figures:
            each = [a / b for a, b in zip(figures[top], figures[bottom])]
            ratios.append([f"{names[top]} / {names[bottom]}", *spread(each, "{:.2f}")])
    if ratios:
        table(["ratio, round by round", "median", "min", "max"], ratios)
    if waits:
        print_waits(f"wait of {options.processes} processes, ms", waits)


def print_waits(title, results):
    table([title, "p50", "p99", "max", "locked"],
          [["median of the rounds",
            *(f"{median([result[key] for result in results]):.1f}" for key in ("p50", "p99")),
            f"{max(result['max'] for result in results):.1f}",
            str(sum(result["locked"] for result in results))]])


def idle_memory(options, place):
    place.fresh()
    worker = Worker(options.sluice, place)
    worker.settle()
    idle = worker.status("VmHWM") / 1024
    worker.stop()
    return idle


def backlog(options, place):
    idle = idle_memory(options, place)

    place.fresh()
    worker = Worker(options.sluice, place)
    worker.settle()
    drops, drop = 30, 1000
    cpu, wall = worker.cpu(), 0.0
    for number in range(drops):
        place.fill(".", f"d{number:03}", drop, "write")
        start = time.perf_counter()
        while place.waiting():
            time.sleep(0.001)
        wall += time.perf_counter() - start
    small = drops * drop
    small_cpu, small_peak = worker.cpu() - cpu, worker.status("VmHWM") / 1024
    worker.stop()
    place.check("Sluice", small, small)

    place.fresh()
    print(f"  filling {options.backlog_jobs:,} jobs", file=sys.stderr, flush=True)
    place.fill(".", "j", options.backlog_jobs, "write")
    os.sync()
    start = time.perf_counter()
    worker = Worker(options.sluice, place, once=True)
    peak, used, status = worker.wait_peak()
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"the worker ended with {status}; see {worker.log.name}")
    place.check("Sluice", options.backlog_jobs, options.backlog_jobs)

    print(f"A backlog (idle worker: {idle:.1f} MiB)\n")
    table(["waiting", "jobs", "peak MiB", "above idle", "CPU µs/job", "wall µs/job"], [
        [f"{drop:,} at a time", f"{small:,}", f"{small_peak:.1f}", f"{small_peak - idle:.1f}",
         f"{small_cpu / small * 1e6:.1f}", f"{wall / small * 1e6:.1f}*"],
        [f"{options.backlog_jobs:,} at once", f"{options.backlog_jobs:,}", f"{peak:.1f}",
         f"{peak - idle:.1f}", f"{used / options.backlog_jobs * 1e6:.1f}",
         f"{seconds / options.backlog_jobs * 1e6:.1f}"],
    ])
    print("  * from the end of each drop to the last job's leaving: the worker has begun before\n")


def urgent(options, place):
    place.fresh()
    place.fill("bulk", "b", options.urgent_jobs, "write")
    os.sync()
    worker = Worker(options.sluice, place)
    start = time.perf_counter()
    last = f"bulk/b{options.urgent_jobs - 1:08}.json"
    done = subprocess.run(
        [os.path.join(place.programs, "probe"), place.spool, "urgent", "100000", "5", last],
        stdout=subprocess.PIPE)
    seconds = time.perf_counter() - start
    worker.stop()
    if done.returncode != 0:
        raise SystemExit(f"the urgent jobs were not answered; the worker said: {place.directory}/worker.log")
    ordered = sorted(float(line) / 1e3 for line in done.stdout.split())

    place.fresh()
    others = finish(writers(place, "--processes", str(options.processes),
                            "--seconds", str(options.seconds)))
    print(f"Urgent writes while {options.urgent_jobs:,} bulk jobs wait, ms from drop to result "
          f"({len(ordered)} urgent, {seconds:.1f} s)\n")
    table(["", "p50", "p99", "max"], [
        ["urgent jobs", *(f"{percentile(ordered, p):.1f}" for p in (50, 99, 100))],
        [f"{options.processes} processes that write for themselves",
         *(f"{others[key]:.1f}" for key in ("p50", "p99", "max"))],
    ])


def foreign(options, place):
    place.fresh()
    place.fill(".", "j", options.foreign_jobs, "write")
    os.sync()
    alone = sluice_once(options, place)
    place.check("Sluice", options.foreign_jobs, options.foreign_jobs)

    place.fresh()
    place.fill(".", "j", options.foreign_jobs, "write")
    os.sync()
    start = time.perf_counter()
    worker = Worker(options.sluice, place, once=True)
    writer = writers(place, "--processes", "1", "--timeout", "5", "--seconds", "600",
                     "--pause", "0.01", "--while-pid", str(worker.pid))
    _, _, status = worker.wait_peak()
    seconds = time.perf_counter() - start
    result = finish(writer)
    if status != 0:
        raise SystemExit(f"the worker ended with {status}; see {worker.log.name}")
    print(f"A plain writer (busy timeout 5 s, 10 ms between its transactions) beside a worker with "
          f"{options.foreign_jobs:,} jobs\n")
    table(["", "locked", "transactions", "p50 ms", "p99 ms", "max ms"], [
        ["plain writer", result["locked"], f"{result['transactions']:,}",
         *(f"{result[key]:.1f}" for key in ("p50", "p99", "max"))]])
    table(["", "jobs/s"], [
        ["Sluice alone", f"{options.foreign_jobs / alone:,.0f}"],
        ["Sluice beside it", f"{options.foreign_jobs / seconds:,.0f}"]])


def idle(options, place):
    place.fresh()
    worker = Worker(options.sluice, place)
    worker.settle()
    cpu, wakeups = worker.cpu(), worker.wakeups()
    time.sleep(options.idle_seconds)
    cpu, wakeups = worker.cpu() - cpu, worker.wakeups() - wakeups
    memory = worker.status("VmRSS") / 1024
    worker.stop()
    print(f"An idle worker over {options.idle_seconds:.0f} s\n")
    table(["CPU seconds", "wake-ups a second", "RSS MiB"],
          [[f"{cpu:.4f}", f"{wakeups / options.idle_seconds:.1f}", f"{memory:.1f}"]])


READ = "SELECT count(*), sum(a), max(b) FROM t WHERE b LIKE '%7%'"


def read_jobs(place, count, cache):
    """Drops the same read `count` times; the file's name is all that differs."""
    body = json.dumps({"sql": READ, "cache": cache})
    for number in range(count):
        with open(os.path.join(place.spool, "incoming", f"r{number:06}.json"), "w") as file:
            file.write(body)


def cost(options, place, settings):
    """Wall and processor seconds of a worker that does all that is there."""
    command = [options.sluice, "run", "--once", "--spool", place.spool, "--database", place.database]
    for setting in settings:
        command += ["--set", setting]
    with open(os.path.join(place.directory, "worker.log"), "wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"the worker ended with {process.returncode}; see {log.name}")
    return seconds, usage.ru_utime + usage.ru_stime


def cache(options, place):
    figures = {60: [], False: []}
    for number in range(options.rounds):
        for setting in [60, False] if number % 2 else [False, 60]:
            place.fresh()
            place.grow(options.cache_rows)
            read_jobs(place, options.cache_jobs, setting)
            os.sync()
            wall, used = cost(options, place, [])
            place.check("Sluice", options.cache_jobs, 0)
            figures[setting].append((wall, used))
    print(f"One read over {options.cache_rows:,} rows, {options.cache_jobs:,} times, "
          f"{options.rounds} rounds; µs a job, file and result included\n")
    table(["", "wall: median", "min", "max", "CPU: median", "min", "max"],
          [[name, *spread([wall / options.cache_jobs * 1e6 for wall, _ in figures[setting]], "{:.1f}"),
            *spread([used / options.cache_jobs * 1e6 for _, used in figures[setting]], "{:.1f}")]
           for name, setting in [("with cache", 60), ("without", False)]])
    table(["with / without, round by round", "median", "min", "max"],
          [[what, *spread([a[index] / b[index] for a, b in zip(figures[60], figures[False])], "{:.3f}")]
           for index, what in enumerate(["wall", "CPU"])])


def monitoring(options, place):
    figures = {"true": [], "false": []}
    for number in range(options.rounds):
        # Who goes first changes, so that what a round leaves behind falls on both.
        for setting in ["true", "false"] if number % 2 else ["false", "true"]:
            place.fresh()
            place.fill(".", "j", options.jobs, "write")
            os.sync()
            wall, _ = cost(options, place, [f"monitoring_enabled={setting}"])
            place.check("Sluice", options.jobs, options.jobs)
            figures[setting].append(options.jobs / wall)
            print(f"  round {number + 1}/{options.rounds}  monitoring {setting:5} "
                  f"{options.jobs / wall:10,.0f}/s", file=sys.stderr, flush=True)
    print(f"Writes a second with monitoring and without: {options.jobs:,} files, "
          f"{options.rounds} paired rounds\n")
    table(["", "median", "min", "max"],
          [["on", *spread(figures["true"])], ["off", *spread(figures["false"])]])
    table(["on / off, round by round", "median", "min", "max"],
          [["ratio", *spread([a / b for a, b in zip(figures["true"], figures["false"])], "{:.3f}")]])


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__,
        epilog="scripts/bench itself takes --dir DIR (measure there, rather than on a new ext4 "
               "with a journal on a loop device) and --image-size SIZE.")
    modes = ["throughput", "backlog", "urgent", "foreign", "idle", "cache", "monitoring"]
    for mode in modes[1:]:
        parser.add_argument(f"--{mode}", action="store_true", help={
            "backlog": "memory and cost per job with many jobs waiting",
            "urgent": "latency of urgent writes while bulk jobs wait",
            "foreign": "a plain writer beside a worker that is flooded",
            "idle": "what a worker with nothing to do uses",
            "cache": "a repeated read with the cache and without",
            "monitoring": "writes with monitoring and without, in paired rounds",
        }[mode])
    parser.add_argument("--throughput", action="store_true", help="jobs a second (the default)")
    parser.add_argument("--all", action="store_true", help="all of the above")
    parser.add_argument("-n", "--jobs", type=int, default=20_000, help="files in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--which", default="sluice,floor,processes", help="(%(default)s)")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5, help="for which the processes write")
    parser.add_argument("--backlog-jobs", type=int, default=300_000)
    parser.add_argument("--urgent-jobs", type=int, default=50_000)
    parser.add_argument("--foreign-jobs", type=int, default=100_000)
    parser.add_argument("--cache-jobs", type=int, default=5_000)
    parser.add_argument("--cache-rows", type=int, default=10_000, help="that the read looks at")
    parser.add_argument("--idle-seconds", type=float, default=30)
    for hidden in ["place", "programs", "sluice", "sqlite"]:
        parser.add_argument(f"--{hidden}", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()

    place = Place(options.place, options.programs)
    print("\n" + machine(options.place, options.sqlite) + "\n", flush=True)
    chosen = [mode for mode in modes if options.all or getattr(options, mode)] or ["throughput"]
    for mode in chosen:
        globals()[mode](options, place)
        sys.stdout.flush()
    place.clear()


if __name__ == "__main__":
    main()
