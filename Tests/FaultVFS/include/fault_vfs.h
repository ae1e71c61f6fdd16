#ifndef SLUICE_FAULT_VFS_H
#define SLUICE_FAULT_VFS_H
/* A default SQLite VFS that passes everything on to the system's, but lets chosen calls fail. */

enum fault_call { FAULT_WRITE = 1, FAULT_SYNC = 2, FAULT_READ = 4 };

/* Makes it the default for connections opened from now on; harmless to call again. */
void fault_vfs_install(void);

/* From now on the calls in `calls` (a sum of fault_call) on the file named `path` pass `skip` times
   and then fail `count` times with `code`; an earlier plan is replaced. With `after` a failing call
   does its work nevertheless. */
void fault_vfs_plan(const char *path, int calls, int skip, int count, int code, int after);

/* No call fails any more. Returns how many did under the last plan. */
int fault_vfs_clear(void);
#endif
