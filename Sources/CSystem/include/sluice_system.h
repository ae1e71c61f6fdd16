#ifndef SLUICE_SYSTEM_H
#define SLUICE_SYSTEM_H
/* Linux calls that Swift's Glibc overlay cannot import: variadic ones and those behind _GNU_SOURCE. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* fcntl(fd, F_SETLEASE, type): 0, or -1 with errno. */
int sluice_setlease(int fd, int type);
/* openat with a mode (variadic in C). */
int sluice_openat(int dirfd, const char *path, int flags, unsigned int mode);
/* syncfs(2), behind _GNU_SOURCE. */
int sluice_syncfs(int fd);

/* renameat2 with RENAME_NOREPLACE (behind _GNU_SOURCE): EEXIST where `to` is already there. */
int sluice_rename_new(int fromdir, const char *from, int todir, const char *to);
/* getdents64(2): bytes of struct linux_dirent64 records put into `buffer`, 0 at the end. */
long sluice_getdents(int fd, void *buffer, unsigned long size);
/* The magic number of the file system that `fd` is on; -1 with errno. */
long sluice_file_system_type(int fd);
/* memmem(3), behind _GNU_SOURCE: where `part` begins in `whole`, in time that grows with both. */
const void *sluice_find(
    const void *whole, unsigned long whole_size, const void *part, unsigned long part_size);
/* Where the next bytes of `fd` stand that are not in a hole, from `offset` on: its end where there are
   none, `offset` where the file system does not tell. Moves the place of read(2). */
long long sluice_next_data(int fd, long long offset);
/* flock(2); in Swift the name is also that of a struct. */
int sluice_flock(int fd, int operation);

/* What statx(2) tells of one file; birth is 0 where the file system keeps none. */
struct sluice_statx {
  unsigned long long dev, ino, size;
  /* Which mount it is seen through; 0 before Linux 5.8. */
  unsigned long long mount;
  unsigned int mode, nlink, uid, gid;
  long long ctime_ns, mtime_ns, birth_ns;
};
/* statx of `path` in `dirfd` without following a symlink; path "" means dirfd itself. */
int sluice_statx(int dirfd, const char *path, struct sluice_statx *out);
#endif
