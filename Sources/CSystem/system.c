#include "sluice_system.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

int sluice_setlease(int fd, int type) { return fcntl(fd, F_SETLEASE, type); }

int sluice_openat(int dirfd, const char *path, int flags, unsigned int mode) {
  return openat(dirfd, path, flags, mode);
}

int sluice_syncfs(int fd) { return syncfs(fd); }

int sluice_rename_new(int fromdir, const char *from, int todir, const char *to) {
  return renameat2(fromdir, from, todir, to, RENAME_NOREPLACE);
}

long sluice_getdents(int fd, void *buffer, unsigned long size) {
  return syscall(SYS_getdents64, fd, buffer, size);
}

long sluice_file_system_type(int fd) {
  struct statfs s;
  if (fstatfs(fd, &s) != 0) return -1;
  return (long)s.f_type;
}

const void *sluice_find(
    const void *whole, unsigned long whole_size, const void *part, unsigned long part_size) {
  return memmem(whole, whole_size, part, part_size);
}

long long sluice_next_data(int fd, long long offset) {
  off_t data = lseek(fd, offset, SEEK_DATA);
  if (data < 0 && errno == ENXIO) data = lseek(fd, 0, SEEK_END);
  return data < offset ? offset : data;
}

int sluice_flock(int fd, int operation) { return flock(fd, operation); }

static long long ns(struct statx_timestamp t) {
  return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

int sluice_statx(int dirfd, const char *path, struct sluice_statx *out) {
  struct statx x;
  unsigned int mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  int flags = AT_SYMLINK_NOFOLLOW | (path[0] ? 0 : AT_EMPTY_PATH);
  if (statx(dirfd, path, flags, mask, &x) != 0) return -1;
  out->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
  out->ino = x.stx_ino;
  out->size = x.stx_size;
  out->mode = x.stx_mode;
  out->nlink = x.stx_nlink;
  out->uid = x.stx_uid;
  out->gid = x.stx_gid;
  out->ctime_ns = ns(x.stx_ctime);
  out->mtime_ns = ns(x.stx_mtime);
  out->birth_ns = (x.stx_mask & STATX_BTIME) ? ns(x.stx_btime) : 0;
  out->mount = (x.stx_mask & STATX_MNT_ID) ? x.stx_mnt_id : 0;
  return 0;
}
