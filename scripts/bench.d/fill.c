/* Fills a spool with small jobs, as a fast producer would: write to tmp/, rename into a lane.
 * usage: fill SPOOL LANE PREFIX COUNT write|read
 *   LANE is a directory under incoming/, or "." for incoming/ itself. Prints the mean file size. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 1000 }; /* rows that the table holds before a run of reads */

static void fail(const char *what) {
  fprintf(stderr, "fill: %s: %s\n", what, strerror(errno));
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: fill SPOOL LANE PREFIX COUNT write|read\n");
    return 64;
  }
  const char *prefix = argv[3];
  long count = atol(argv[4]);
  int reads = strcmp(argv[5], "read") == 0;
  if (chdir(argv[1]) != 0) fail(argv[1]);

  long bytes = 0;
  for (long i = 0; i < count; i++) {
    char text[256], from[512], to[512];
    int length =
        reads ? snprintf(text, sizeof text,
                         "{\"sql\":\"SELECT id,a,b FROM t WHERE id=?\",\"params\":[%ld]}",
                         1 + i % KEYS)
              : snprintf(text, sizeof text,
                         "{\"sql\":\"INSERT INTO t(a,b) VALUES(?,?)\",\"params\":[1,\"x\"]}");
    snprintf(from, sizeof from, "tmp/%s%08ld.json", prefix, i);
    snprintf(to, sizeof to, "incoming/%s/%s%08ld.json", argv[2], prefix, i);
    int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) fail(from);
    if (write(fd, text, (size_t)length) != length) fail(from);
    if (close(fd) != 0) fail(from);
    if (rename(from, to) != 0) fail(to);
    bytes += length;
  }
  printf("%ld\n", count ? bytes / count : 0);
  return 0;
}
