#ifndef SLUICE_CSQLITE_SHIM_H
#define SLUICE_CSQLITE_SHIM_H
#include <sqlite3.h>

/* Swift cannot import the function-pointer casts SQLITE_STATIC and SQLITE_TRANSIENT. */
static inline int sluice_bind_text(sqlite3_stmt *s, int i, const char *p, sqlite3_uint64 n) {
  return sqlite3_bind_text64(s, i, p, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}
static inline int sluice_bind_blob(sqlite3_stmt *s, int i, const void *p, sqlite3_uint64 n) {
  return sqlite3_bind_blob64(s, i, p, n, SQLITE_TRANSIENT);
}
static inline void sluice_result_text(sqlite3_context *c, const void *p, sqlite3_uint64 n) {
  sqlite3_result_text64(c, p ? p : "", n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* sqlite3_db_config is variadic. */
static inline int sluice_db_config_flag(sqlite3 *db, int op, int on) {
  return sqlite3_db_config(db, op, on, (int *)0);
}

/* sqlite3_config is variadic; must be called before the library is first used. */
static inline int sluice_config_multithread(void) {
  return sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
}
static inline int sluice_config_memstatus(int on) {
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, on);
}
static inline int sluice_config_malloc(const sqlite3_mem_methods *methods) {
  return sqlite3_config(SQLITE_CONFIG_MALLOC, methods);
}
#endif
