#include "fault_vfs.h"
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

typedef struct {
  sqlite3_file base;
  const char *name; /* lives as long as the file is open (sqlite3_vfs.xOpen) */
  sqlite3_file *real;
} fault_file;

static sqlite3_vfs *system_vfs;
static sqlite3_vfs fault_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  char path[1024];
  int calls, skip, count, code, after, hits;
} plan;

/* The code to fail with, or 0. */
static int fault(fault_file *file, int call, int *after) {
  int code = 0;
  pthread_mutex_lock(&lock);
  if (file->name && (plan.calls & call) && plan.count > 0 && strcmp(file->name, plan.path) == 0) {
    if (plan.skip > 0) {
      plan.skip--;
    } else {
      plan.count--;
      plan.hits++;
      code = plan.code;
      *after = plan.after;
    }
  }
  pthread_mutex_unlock(&lock);
  return code;
}

#define REAL(f) (((fault_file *)(f))->real)

static int f_close(sqlite3_file *f) { return REAL(f)->pMethods->xClose(REAL(f)); }
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 o) {
  int after = 0, code = fault((fault_file *)f, FAULT_READ, &after);
  return code ? code : REAL(f)->pMethods->xRead(REAL(f), p, n, o);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 o) {
  int after = 0, code = fault((fault_file *)f, FAULT_WRITE, &after);
  if (code && !after) return code;
  int rc = REAL(f)->pMethods->xWrite(REAL(f), p, n, o);
  return code ? code : rc;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  return REAL(f)->pMethods->xTruncate(REAL(f), n);
}
static int f_sync(sqlite3_file *f, int flags) {
  int after = 0, code = fault((fault_file *)f, FAULT_SYNC, &after);
  if (code && !after) return code;
  int rc = REAL(f)->pMethods->xSync(REAL(f), flags);
  return code ? code : rc;
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) {
  return REAL(f)->pMethods->xFileSize(REAL(f), n);
}
static int f_lock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int f_reserved(sqlite3_file *f, int *r) {
  return REAL(f)->pMethods->xCheckReservedLock(REAL(f), r);
}
static int f_control(sqlite3_file *f, int op, void *p) {
  return REAL(f)->pMethods->xFileControl(REAL(f), op, p);
}
static int f_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int f_device(sqlite3_file *f) {
  return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p) {
  return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, p);
}
static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
  return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int f_shm_unmap(sqlite3_file *f, int d) { return REAL(f)->pMethods->xShmUnmap(REAL(f), d); }

static const sqlite3_io_methods methods = {
  2, f_close, f_read, f_write, f_truncate, f_sync, f_size, f_lock, f_unlock, f_reserved,
  f_control, f_sector, f_device, f_shm_map, f_shm_lock, f_shm_barrier, f_shm_unmap, 0, 0,
};

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
  (void)vfs;
  fault_file *file = (fault_file *)f;
  file->name = name;
  file->real = (sqlite3_file *)&file[1];
  int rc = system_vfs->xOpen(system_vfs, name, file->real, flags, out);
  file->base.pMethods = file->real->pMethods ? &methods : 0;
  return rc;
}

static void install(void) {
  sqlite3_initialize();
  system_vfs = sqlite3_vfs_find(0);
  fault_vfs = *system_vfs;
  fault_vfs.pNext = 0;
  fault_vfs.zName = "fault";
  fault_vfs.szOsFile = (int)sizeof(fault_file) + system_vfs->szOsFile;
  fault_vfs.xOpen = f_open;
  sqlite3_vfs_register(&fault_vfs, 1);
}

void fault_vfs_install(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
}

void fault_vfs_plan(const char *path, int calls, int skip, int count, int code, int after) {
  pthread_mutex_lock(&lock);
  strncpy(plan.path, path, sizeof plan.path - 1);
  plan.calls = calls;
  plan.skip = skip;
  plan.count = count;
  plan.code = code;
  plan.after = after;
  plan.hits = 0;
  pthread_mutex_unlock(&lock);
}

int fault_vfs_clear(void) {
  pthread_mutex_lock(&lock);
  plan.count = 0;
  int hits = plan.hits;
  pthread_mutex_unlock(&lock);
  return hits;
}
