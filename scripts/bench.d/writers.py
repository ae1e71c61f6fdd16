"""Processes that each write to one database for themselves, as programs without Sluice do.

Every transaction is BEGIN IMMEDIATE, one INSERT, COMMIT, in WAL with synchronous=FULL, behind
SQLite's own busy timeout. Prints one JSON object: transactions, seconds, how many ended with
"database is locked", and the waits (from BEGIN to the end of COMMIT) in milliseconds.
"""

import argparse
import array
import json
import multiprocessing
import os
import sqlite3
import time

from stats import percentile


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def write(options, begin, answer):
    connection = sqlite3.connect(options.database, timeout=options.timeout, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    waits, locked = array.array("d"), 0
    begin.wait()
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end and (options.while_pid is None or alive(options.while_pid)):
        start = time.perf_counter()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t(a,b) VALUES(?,?)", (3, "x"))
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            locked += 1
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        waits.append((time.perf_counter() - start) * 1e3)
        if options.pause:
            time.sleep(options.pause)
    answer.send((waits.tobytes(), locked))
    answer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--timeout", type=float, default=30, help="busy timeout in seconds")
    parser.add_argument("--pause", type=float, default=0, help="seconds between transactions")
    parser.add_argument("--while-pid", type=int, help="stop when this process has gone")
    options = parser.parse_args()

    fork = multiprocessing.get_context("fork")
    begin = fork.Event()
    running = []
    for _ in range(options.processes):
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=write, args=(options, begin, sender))
        process.start()
        sender.close()
        running.append((process, receiver))
    time.sleep(0.5)  # all of them have connected and stand at the start
    start = time.perf_counter()
    begin.set()
    waits, locked = array.array("d"), 0
    for process, receiver in running:
        data, count = receiver.recv()
        waits.frombytes(data)
        locked += count
    seconds = time.perf_counter() - start
    for process, _ in running:
        process.join()
    ordered = sorted(waits)
    print(json.dumps({
        "transactions": len(ordered) - locked, "seconds": seconds, "locked": locked,
        "p50": percentile(ordered, 50), "p99": percentile(ordered, 99),
        "max": ordered[-1] if ordered else 0,
    }))


if __name__ == "__main__":
    main()
