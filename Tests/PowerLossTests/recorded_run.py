"""Does what producers, a consumer and an operator do, step by step, while strace looks on.

Usage: recorded_run.py SLUICE SPOOL STEPS SEEN, where STEPS is a JSON array of arrays of words. Says in
the trace what it knows at that moment, by opening files that do not exist: /mark/WORD/NAME. The
results that the consumer saw, each /mark/seen/NAME/INDEX, end as a JSON array in SEEN.
"""
import json, os, platform, signal, subprocess, sys, time

sluice, spool, steps, seen_file = sys.argv[1:5]
place = ["--spool", spool, "--database", spool + "/main.db"]
worker = None
seen = []


def mark(word, name=""):
    try:
        os.open("/mark/" + word + "/" + name, os.O_RDONLY)
    except FileNotFoundError:
        pass


def path(*parts):
    return "/".join([spool] + [part for part in parts if part])


def written(name, content, sync):
    scratch = path("tmp", name)
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(file, content.encode())
    if sync:
        os.fsync(file)
    os.close(file)
    return scratch


def sync_directory(name):
    directory = os.open(path(name), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def until(condition, what):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain for " + what)
        time.sleep(0.005)


# futex, epoll_wait or epoll_pwait, clock_nanosleep, restart_syscall.
WAITS = {"x86_64": {202, 232, 281, 230, 219}, "aarch64": {98, 22, 115, 128}}[platform.machine()]


def pauses():
    """Whether each thread waits for another, so that a kill cuts no call short of which nobody could
    say whether it was done."""
    tasks = "/proc/%d/task" % worker.pid
    for task in os.listdir(tasks):
        with open(tasks + "/" + task + "/syscall") as file:
            call = file.read().split()[0]
        if not call.isdigit() or int(call) not in WAITS:
            return False
    return True


def start():
    global worker
    worker = subprocess.Popen([sluice, "run"] + place)


def once():
    subprocess.run([sluice, "run", "--once"] + place)


def stop(how="term"):
    if how == "kill":
        until(pauses, "a moment at which all threads of the worker wait")
    worker.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
    worker.wait()


def init():
    subprocess.run([sluice, "init", spool], check=True)
    mark("made")


def drop(lane, name, content):
    """As any producer may: a rename, and nothing synced."""
    mark("dropped", name)
    os.rename(written(name, content, False), path("incoming", lane, name))


def accept(lane, name, content):
    mark("dropped", name)
    os.rename(written(name, content, True), path("incoming", lane, name))
    sync_directory("incoming/" + lane)
    mark("accepted", name)


def submit(name, content):
    mark("dropped", name)
    command = [sluice, "submit", "--spool", spool, "--name", name, "-"]
    subprocess.run(command, input=content.encode(), check=True)
    mark("accepted", name)


def put(name, content):
    """A file for an import, durable."""
    os.rename(written(name, content, True), path("data", name))
    sync_directory("data")


def see(*names):
    """Waits for results, as a consumer does, and notes each."""
    for name in names:
        until(lambda: os.path.exists(path("results", name)), name)
        with open(path("results", name), "rb") as file:
            content = file.read()
        mark("seen", "%s/%d" % (name, len(seen)))
        seen.append(content.decode())


def take(name):
    see(name)
    mark("taken", name)
    os.unlink(path("results", name))


def claimed(lane, name):
    until(lambda: not os.path.exists(path("incoming", lane, name)), "the claim of " + name)


def idle():
    """Waits until the worker has settled what it did: a read's file stays, hidden, until then."""
    until(lambda: not os.listdir(path("active")), "active/")


for word, *arguments in json.load(open(steps)):
    globals()[word](*arguments)
with open(seen_file, "w") as file:
    json.dump(seen, file)
