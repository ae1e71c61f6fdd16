/* Preloaded into the worker that is started on a tree which a simulated power failure left: a file
   that a disk had kept would still have its inode number and time of birth, which nobody can give to
   a file that is made anew. Reads lines of "INODE SEEN_INODE SEEN_BIRTH" from $POWER_IDENTITIES. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct {
  unsigned long long inode, seen;
  long long birth;
} files[4096];
static int count;

__attribute__((constructor)) static void load(void) {
  const char *path = getenv("POWER_IDENTITIES");
  FILE *list = path ? fopen(path, "re") : 0;
  if (!list) return;
  while (count < 4096 && fscanf(list, "%llu %llu %lld", &files[count].inode, &files[count].seen,
                                &files[count].birth) == 3)
    count++;
  fclose(list);
}

int statx(int directory, const char *path, int flags, unsigned mask, struct statx *out) {
  static int (*next)(int, const char *, int, unsigned, struct statx *);
  if (!next) next = (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
  int result = next(directory, path, flags, mask, out);
  if (result != 0) return result;
  for (int i = 0; i < count; i++) {
    if (files[i].inode != out->stx_ino) continue;
    out->stx_ino = files[i].seen;
    out->stx_btime.tv_sec = files[i].birth / 1000000000;
    out->stx_btime.tv_nsec = (unsigned)(files[i].birth % 1000000000);
    break;
  }
  return 0;
}
