/* Drops jobs one at a time and measures from the rename into incoming/ to the result's appearance.
 *
 * The result is looked for by name every POLL_US: an inotify watch would wake this process for each
 * of the other results too, and take from the worker the time it means to measure. So a figure is
 * up to POLL_US too high, never too low.
 *
 * usage: probe SPOOL LANE COUNT GAP_MS STOP_FILE
 *   Ends after COUNT jobs, or when incoming/STOP_FILE is gone after a job. Prints one latency in
 *   microseconds per line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { POLL_US = 100, GIVE_UP_S = 60 };

static void fail(const char *what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void pause_us(long us) {
  struct timespec time = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&time, NULL);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: probe SPOOL LANE COUNT GAP_MS STOP_FILE\n");
    return 64;
  }
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* ns; 50 us otherwise, on each pause */
  long count = atol(argv[3]), gap_ms = atol(argv[4]);
  if (chdir(argv[1]) != 0) fail(argv[1]);
  static const char text[] = "{\"sql\":\"INSERT INTO t(a,b) VALUES(?,?)\",\"params\":[2,\"urgent\"]}";
  char stop[512];
  snprintf(stop, sizeof stop, "incoming/%s", argv[5]);

  for (long i = 0; i < count; i++) {
    char from[64], to[512], result[64];
    snprintf(from, sizeof from, "tmp/probe%06ld.json", i);
    snprintf(to, sizeof to, "incoming/%s/probe%06ld.json", argv[2], i);
    snprintf(result, sizeof result, "results/probe%06ld.json", i);
    int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) fail(from);
    if (write(fd, text, sizeof text - 1) != sizeof text - 1) fail(from);
    if (close(fd) != 0) fail(from);
    double dropped = now_us();
    if (rename(from, to) != 0) fail(to);
    while (access(result, F_OK) != 0) {
      if (errno != ENOENT) fail(result);
      if (now_us() - dropped > GIVE_UP_S * 1e6) {
        fprintf(stderr, "probe: no result after %d s: %s\n", GIVE_UP_S, result);
        return 1;
      }
      pause_us(POLL_US);
    }
    printf("%.0f\n", now_us() - dropped);
    if (access(stop, F_OK) != 0) break;
    pause_us(gap_ms * 1000);
  }
  return 0;
}
