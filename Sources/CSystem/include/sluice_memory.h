#ifndef SLUICE_MEMORY_H
#define SLUICE_MEMORY_H
/* malloc(3) with a bound on what all its callers hold together; any thread. Each thread tells the
   others only of every 64 KiB that it takes or gives back, so the bound is kept to that, times the
   threads. Nothing else of the process counts. */

/* NULL where the bound, or the system, does not allow it. */
void *sluice_memory_take(int size);
/* Like realloc(3); NULL leaves `block` as it was. */
void *sluice_memory_resize(void *block, int size);
void sluice_memory_give(void *block);
/* Bytes of `block`, at least as many as were asked for. */
int sluice_memory_size(void *block);
/* Bytes held at most, from now on; what is held already stays. At first there is no bound. */
void sluice_memory_set_bound(long long bytes);
#endif
