/* Runs a program and makes one of its system calls fail, or kills it there.
 *
 *   inject CALL WHICH ACTION LOG -- PROGRAM ARGUMENT…
 *   inject CALL=ACTION|ACTION…,CALL=… SEED:RARITY:FROM:TO:KILL:SECONDS storm LOG -- PROGRAM ARGUMENT…
 *
 * CALL is a name of the table below, or "all". WHICH is the number of the call, counted over all
 * threads in the order in which they are made, from 1, once the program has called umask (what the
 * loader and the start of a language's runtime do is not of interest); "5+3" is the 5th and the two
 * after it. ACTION is "kill", "short" (a write or a read of half), an errno (EIO, …), or "count",
 * which lets all pass. Of fcntl only taking locks and leases counts, of mmap, read and write only
 * those of files. LOG takes a line for each call that was met ("count": for every one).
 *
 * In a storm each of the named calls fails with a chance of one in RARITY, in one of the ways it is
 * named with, from the FROM-th of them to the TO-th, but at most for so many SECONDS; at the KILL-th
 * (0: never) the program is killed.
 * Whether the n-th call of a name fails, and how, follows from SEED, the name and n alone.
 *
 * The call does not happen where it fails or the program is killed. strace counts for each thread by
 * itself, so that it can never meet the first sync of a thread that comes second; hence this.
 *
 * Exits like the program; 128 + the signal if it was killed by one; 125 where this cannot trace.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct name { const char *text; long number; };

#define CALL(x) { #x, SYS_##x }
static const struct name calls[] = {
  CALL(openat), CALL(read), CALL(pread64), CALL(write), CALL(pwrite64), CALL(rename),
  CALL(renameat), CALL(renameat2), CALL(unlink), CALL(unlinkat), CALL(fsync), CALL(fdatasync),
  CALL(syncfs), CALL(ftruncate), CALL(fallocate), CALL(mmap), CALL(munmap), CALL(fcntl), CALL(flock),
  CALL(statx), CALL(newfstatat), CALL(fstat), CALL(stat), CALL(lstat), CALL(getdents64), CALL(lseek),
  CALL(open), CALL(access), CALL(faccessat), CALL(faccessat2), CALL(mkdir), CALL(mkdirat),
  CALL(fchmod), CALL(fstatfs), CALL(readlink), CALL(getcwd), CALL(close), CALL(clone3), CALL(clone),
  CALL(inotify_init1), CALL(inotify_add_watch), CALL(epoll_create1), CALL(epoll_ctl),
  CALL(epoll_wait), CALL(epoll_pwait), CALL(eventfd2), CALL(pipe2), CALL(msync), CALL(madvise),
  CALL(mprotect), CALL(mremap), CALL(brk), CALL(rt_sigaction), CALL(futex), CALL(socketpair),
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct name errors[] = {
  {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"EACCES", EACCES},
  {"EINTR", EINTR}, {"ENOMEM", ENOMEM}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}, {"EAGAIN", EAGAIN},
  {"ENOENT", ENOENT}, {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"EINVAL", EINVAL}, {"EEXIST", EEXIST},
  {"EBADF", EBADF}, {"EFBIG", EFBIG},
};

static const char *call_name(long number) {
  for (size_t i = 0; i < COUNT(calls); i++)
    if (calls[i].number == number) return calls[i].text;
  return "other";
}

static long find(const struct name *table, size_t count, const char *text) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(table[i].text, text) == 0) return table[i].number;
  return -1;
}

static void fail(const char *what) {
  fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
  exit(125);
}

enum { shortened = -2, actions_max = 8 };

/* What may happen to a call, and how often it was met. */
struct plan { long number; long actions[actions_max]; unsigned count; uint64_t met; };
static struct plan plans[COUNT(calls)];
static unsigned plan_count;

static struct plan *plan_of(long number) {
  for (unsigned i = 0; i < plan_count; i++)
    if (plans[i].number == number) return &plans[i];
  return NULL;
}

static void parse_plans(char *text) {
  char *next_call, *next_action;
  for (char *call = strtok_r(text, ",", &next_call); call; call = strtok_r(NULL, ",", &next_call)) {
    struct plan *plan = &plans[plan_count];
    char *name = strtok_r(call, "=", &next_action), *action;
    plan->number = find(calls, COUNT(calls), name);
    if (plan_count == COUNT(calls) - 1 || plan->number < 0) {
      fprintf(stderr, "inject: no call %s\n", name);
      exit(125);
    }
    while ((action = strtok_r(NULL, "|", &next_action)) && plan->count < actions_max) {
      long error = strcmp(action, "short") == 0 ? shortened : find(errors, COUNT(errors), action);
      if (error == -1) { fprintf(stderr, "inject: no action %s\n", action); exit(125); }
      plan->actions[plan->count++] = error;
    }
    plan_count++;
  }
}

static const char *action_name(long action) {
  if (action == shortened) return "short";
  for (size_t i = 0; i < COUNT(errors); i++)
    if (errors[i].number == action) return errors[i].text;
  return "kill";
}

static uint64_t mixed(uint64_t x) {  /* splitmix64 */
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

struct storm { uint64_t seed, rarity, from, to, kill, seconds; };

static int parse_storm(const char *text, struct storm *storm) {
  return sscanf(text, "%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64
    ":%" SCNu64 ":%" SCNu64, &storm->seed, &storm->rarity, &storm->from, &storm->to, &storm->kill,
    &storm->seconds) == 6 && storm->rarity > 0;
}

static uint64_t began;

/* What a storm does to this call, the met-th of all: 0, shortened, or an errno. */
static long strikes(const struct storm *storm, long number, uint64_t met) {
  struct plan *plan = plan_of(number);
  if (!plan) return 0;
  uint64_t chance = mixed(storm->seed ^ mixed((uint64_t)number << 40 ^ ++plan->met));
  if (met < storm->from || met > storm->to || plan->count == 0) return 0;
  if (storm->seconds && (uint64_t)time(NULL) > began + storm->seconds) return 0;
  return chance % storm->rarity == 0 ? plan->actions[(chance >> 40) % plan->count] : 0;
}

/* Lets the kernel stop only at the calls in question: all others run at full speed. */
static void filter(long wanted) {
  struct sock_filter code[COUNT(calls) + 8];
  unsigned n = 0, all = wanted < 0;
  unsigned count = plan_count ? plan_count : all ? COUNT(calls) : 1;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, count + 1, 0);
  for (unsigned i = 0; i < count; i++)
    code[n++] = (struct sock_filter)BPF_JUMP(
      BPF_JMP | BPF_JEQ | BPF_K, plan_count ? plans[i].number : all ? calls[i].number : wanted, count - i, 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  struct sock_fprog program = {n, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) fail("seccomp");
}

/* What the descriptor or the path of a call names, for the log. */
static void subject(pid_t thread, const struct user_regs_struct *r, char *text, size_t size) {
  char link[64], data[256];
  text[0] = 0;
  switch (r->orig_rax) {
  case SYS_openat: case SYS_renameat: case SYS_renameat2: case SYS_unlinkat: case SYS_statx:
  case SYS_newfstatat: case SYS_mkdirat: case SYS_inotify_add_watch:
  case SYS_unlink: case SYS_stat: case SYS_lstat: case SYS_access: case SYS_rename: case SYS_open: {
    int first = r->orig_rax == SYS_unlink || r->orig_rax == SYS_stat || r->orig_rax == SYS_lstat ||
      r->orig_rax == SYS_access || r->orig_rax == SYS_rename || r->orig_rax == SYS_open;
    struct iovec local = {data, sizeof data - 1};
    struct iovec remote = {(void *)(first ? r->rdi : r->rsi), sizeof data - 1};
    ssize_t got = process_vm_readv(thread, &local, 1, &remote, 1, 0);
    if (got > 0) { data[got] = 0; snprintf(text, size, "%s", data); }
    if (text[0]) return;
    snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, (int)r->rdi);
    break;
  }
  case SYS_mmap: snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, (int)r->r8); break;
  default: snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, (int)r->rdi);
  }
  ssize_t got = readlink(link, text, size - 1);
  text[got > 0 ? got : 0] = 0;
}

/* Whether a call of its name is one that can fail as a disk, a lock or a limit makes it fail. */
static int counts(pid_t thread, const struct user_regs_struct *r) {
  switch (r->orig_rax) {
  case SYS_mmap: return (int)r->r8 >= 0;
  case SYS_fcntl: {
    if (r->rsi == F_SETLEASE) return r->rdx != F_UNLCK;
    if (r->rsi != F_SETLK && r->rsi != F_SETLKW) return 0;
    struct flock lock = {0};
    struct iovec local = {&lock, sizeof lock}, remote = {(void *)r->rdx, sizeof lock};
    return process_vm_readv(thread, &local, 1, &remote, 1, 0) > 0 && lock.l_type != F_UNLCK;
  }
  case SYS_read: case SYS_write: {
    char text[512];
    subject(thread, r, text, sizeof text);
    return text[0] == '/';
  }
  default: return 1;
  }
}

int main(int argc, char **argv) {
  if (argc < 7 || strcmp(argv[5], "--") != 0) {
    fprintf(stderr, "usage: inject CALL WHICH ACTION LOG -- PROGRAM ARGUMENT...\n");
    return 125;
  }
  struct storm storm = {0};
  int storms = strcmp(argv[3], "storm") == 0;
  if (storms) {
    if (!parse_storm(argv[2], &storm)) { fprintf(stderr, "inject: no storm %s\n", argv[2]); return 125; }
    parse_plans(argv[1]);
  }
  int all = storms || strcmp(argv[1], "all") == 0;
  long wanted = all ? -1 : find(calls, COUNT(calls), argv[1]);
  if (!all && wanted < 0) { fprintf(stderr, "inject: no call %s\n", argv[1]); return 125; }
  long first = strtol(argv[2], NULL, 10);
  const char *plus = strchr(argv[2], '+');
  long last = first + (plus ? strtol(plus + 1, NULL, 10) : 1) - 1;
  int kills = strcmp(argv[3], "kill") == 0, shortens = strcmp(argv[3], "short") == 0;
  int records = strcmp(argv[3], "count") == 0;
  long error = kills || shortens || records || storms ? 0 : find(errors, COUNT(errors), argv[3]);
  if (error < 0) { fprintf(stderr, "inject: no action %s\n", argv[3]); return 125; }
  FILE *log = fopen(argv[4], "w");
  if (!log) fail(argv[4]);

  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) fail("ptrace");
    raise(SIGSTOP);
    filter(wanted);
    execvp(argv[6], argv + 6);
    fail(argv[6]);
  }
  int status;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) fail("the child did not stop");
  long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
    PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, child, 0, options) != 0) fail("ptrace options");
  ptrace(PTRACE_CONT, child, 0, 0);

  began = (uint64_t)time(NULL);
  int armed = 0, result = 125;
  long met = 0;
  for (;;) {
    pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) break;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread == child)
        result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) {
      struct user_regs_struct r;
      if (ptrace(PTRACE_GETREGS, thread, 0, &r) == 0) {
        if (r.orig_rax == SYS_umask) {
          armed = 1;
        } else if (armed && counts(thread, &r)) {
          met++;
          int is_met = met >= first && met <= last;
          if (storms) {
            long action = strikes(&storm, r.orig_rax, met);
            kills = storm.kill && (uint64_t)met >= storm.kill;
            shortens = action == shortened;
            error = kills ? 0 : action;
            is_met = kills || action != 0;
          }
          if (records || is_met) {
            char text[512];
            subject(thread, &r, text, sizeof text);
            fprintf(log, "%ld\t%s\t%s\t%lld\t%s\n", met, call_name(r.orig_rax), text,
              (long long)r.rdx, kills ? "kill" : shortens ? "short" : action_name(error));
            if (!records) fflush(log);
          }
          if (!records && is_met) {
            if (kills) {
              kill(child, SIGKILL);
              continue;
            }
            if (shortens) {
              if (r.rdx > 1) r.rdx /= 2;
            } else {
              r.orig_rax = -1;
              r.rax = -error;
            }
            ptrace(PTRACE_SETREGS, thread, 0, &r);
          }
        }
      }
      signal = 0;
    } else if (event || signal == SIGSTOP || signal == SIGTRAP) {
      signal = 0;  /* A new thread, an exec. */
    }
    ptrace(PTRACE_CONT, thread, 0, signal);
  }
  fprintf(log, "end\t%ld\n", met);
  fclose(log);
  return result;
}
