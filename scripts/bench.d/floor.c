/* The least that any worker has to do with the same files: the floor Sluice is measured against.
 *
 * For each job: open, fstat, read, close, find the parameters, run the SQL; after every BATCH jobs
 * one COMMIT (WAL, synchronous=FULL), then for each of them create, write and rename a result and
 * unlink the job. No claim, no ledger, no savepoint, no recovery, no order beyond that of the
 * names, no checking of what the file says: it is a lower bound of the cost, not a worker.
 *
 * usage: floor SPOOL DATABASE write|read    (prints the number of jobs it has done) */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 100, NAME_MAX_BYTES = 64, TEXT_MAX = 4096 };

struct batch_entry {
  const char *name;
  sqlite3_int64 rowid; /* of the inserted or the found row */
  int a;
  char b[64];
};

static sqlite3 *db;

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void check(int code, int wanted) {
  if (code == wanted) return;
  fprintf(stderr, "floor: SQLite: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static int by_name(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

static char **list(int directory, size_t *count) {
  DIR *stream = fdopendir(dup(directory));
  if (stream == NULL) fail("incoming");
  size_t capacity = 1024;
  char **names = malloc(capacity * sizeof *names);
  *count = 0;
  for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length < 6 || length >= NAME_MAX_BYTES) continue;
    if (strcmp(entry->d_name + length - 5, ".json") != 0) continue;
    if (*count == capacity) names = realloc(names, (capacity *= 2) * sizeof *names);
    names[(*count)++] = strdup(entry->d_name);
  }
  closedir(stream);
  qsort(names, *count, sizeof *names, by_name);
  return names;
}

/* Reads the file and leaves the text after `"params":[` in place; returns where it starts. */
static const char *read_job(int directory, const char *name, char *text) {
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(name);
  struct stat status;
  if (fstat(fd, &status) != 0 || status.st_size >= TEXT_MAX) fail(name);
  ssize_t length = read(fd, text, TEXT_MAX - 1);
  if (length < 0 || close(fd) != 0) fail(name);
  text[length] = 0;
  const char *params = strstr(text, "\"params\":[");
  if (params == NULL) fail(name);
  return params + 10;
}

static void publish(int spool, int incoming, const struct batch_entry *job, long commit) {
  char text[1024], from[128], to[128];
  /* As long as the result of the worker: the same fields. */
  int length = snprintf(
      text, sizeof text,
      "{\"job\":\"%s\",\"status\":\"done\",\"database\":\"main\",\"priority\":\"normal\","
      "\"attempts\":1,\"commit\":%ld,\"statements\":[{\"columns\":[],\"rows\":[[%lld,%d,\"%s\"]],"
      "\"changes\":1,\"last_insert_rowid\":%lld,\"seconds\":0.00004}],"
      "\"times\":{\"arrived\":\"2026-01-01T00:00:00.000123Z\","
      "\"started\":\"2026-01-01T00:00:00.000123Z\",\"finished\":\"2026-01-01T00:00:00.000123Z\","
      "\"waited\":0.0021,\"ran\":0.0003},\"cached\":false}\n",
      job->name, commit, job->rowid, job->a, job->b, job->rowid);
  snprintf(from, sizeof from, "results/.%s", job->name);
  snprintf(to, sizeof to, "results/%s", job->name);
  int fd = openat(spool, from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) fail(from);
  if (write(fd, text, (size_t)length) != length) fail(from);
  if (close(fd) != 0) fail(from);
  if (renameat(spool, from, spool, to) != 0) fail(to);
  if (unlinkat(incoming, job->name, 0) != 0) fail(job->name);
}

static void run_write(sqlite3_stmt *insert, const char *params, struct batch_entry *job) {
  char *end;
  job->a = (int)strtol(params, &end, 10);
  const char *text = strchr(end, '"') + 1;
  size_t length = strcspn(text, "\"");
  if (length >= sizeof job->b) fail("parameter");
  memcpy(job->b, text, length);
  job->b[length] = 0;
  sqlite3_bind_int(insert, 1, job->a);
  sqlite3_bind_text(insert, 2, job->b, (int)length, SQLITE_STATIC);
  check(sqlite3_step(insert), SQLITE_DONE);
  check(sqlite3_reset(insert), SQLITE_OK);
  job->rowid = sqlite3_last_insert_rowid(db);
}

static void run_read(sqlite3_stmt *select, const char *params, struct batch_entry *job) {
  sqlite3_bind_int64(select, 1, strtoll(params, NULL, 10));
  check(sqlite3_step(select), SQLITE_ROW);
  job->rowid = sqlite3_column_int64(select, 0);
  job->a = sqlite3_column_int(select, 1);
  snprintf(job->b, sizeof job->b, "%s", (const char *)sqlite3_column_text(select, 2));
  check(sqlite3_step(select), SQLITE_DONE);
  check(sqlite3_reset(select), SQLITE_OK);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: floor SPOOL DATABASE write|read\n");
    return 64;
  }
  int reads = strcmp(argv[3], "read") == 0;
  int spool = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (spool < 0) fail(argv[1]);
  int incoming = openat(spool, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (incoming < 0) fail("incoming");
  check(sqlite3_open(argv[2], &db), SQLITE_OK);
  check(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL, NULL),
        SQLITE_OK);
  sqlite3_stmt *statement, *begin, *commit;
  check(sqlite3_prepare_v2(db,
                           reads ? "SELECT id,a,b FROM t WHERE id=?"
                                 : "INSERT INTO t(a,b) VALUES(?,?)",
                           -1, &statement, NULL),
        SQLITE_OK);
  check(sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL), SQLITE_OK);
  check(sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL), SQLITE_OK);

  size_t count;
  char **names = list(incoming, &count);
  static struct batch_entry batch[BATCH];
  static char text[TEXT_MAX];
  long commits = 0;
  for (size_t first = 0; first < count; first += BATCH) {
    size_t size = count - first < BATCH ? count - first : BATCH;
    if (!reads) {
      check(sqlite3_step(begin), SQLITE_DONE);
      sqlite3_reset(begin);
    }
    for (size_t i = 0; i < size; i++) {
      batch[i].name = names[first + i];
      const char *params = read_job(incoming, batch[i].name, text);
      if (reads) {
        run_read(statement, params, &batch[i]);
      } else {
        run_write(statement, params, &batch[i]);
      }
    }
    if (!reads) {
      check(sqlite3_step(commit), SQLITE_DONE);
      sqlite3_reset(commit);
    }
    commits++;
    for (size_t i = 0; i < size; i++) publish(spool, incoming, &batch[i], commits);
  }
  sqlite3_finalize(statement);
  sqlite3_finalize(begin);
  sqlite3_finalize(commit);
  check(sqlite3_close(db), SQLITE_OK);
  printf("%zu\n", count);
  return 0;
}
