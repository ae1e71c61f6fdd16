#include "sluice_memory.h"
#include <limits.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

static const long long step = 64 << 10;
static _Atomic long long held;
static _Atomic long long bound = LLONG_MAX;
static _Thread_local long long untold;

static void tell(long long bytes) {
  untold += bytes;
  if (untold < step && untold > -step) return;
  atomic_fetch_add_explicit(&held, untold, memory_order_relaxed);
  untold = 0;
}

/* Asked only of sizes that matter: small ones are noticed when they have added up. */
static int is_too_much(long long more) {
  if (untold + more < step) return 0;
  long long most = atomic_load_explicit(&bound, memory_order_relaxed);
  return atomic_load_explicit(&held, memory_order_relaxed) + untold + more > most;
}

void *sluice_memory_take(int size) {
  if (is_too_much(size)) return NULL;
  void *block = malloc((size_t)size);
  if (block) tell((long long)malloc_usable_size(block));
  return block;
}

void *sluice_memory_resize(void *block, int size) {
  long long before = (long long)malloc_usable_size(block);
  if (size > before && is_too_much(size - before)) return NULL;
  void *resized = realloc(block, (size_t)size);
  if (resized) tell((long long)malloc_usable_size(resized) - before);
  return resized;
}

void sluice_memory_give(void *block) {
  tell(-(long long)malloc_usable_size(block));
  free(block);
}

int sluice_memory_size(void *block) { return (int)malloc_usable_size(block); }

void sluice_memory_set_bound(long long bytes) {
  atomic_store_explicit(&bound, bytes, memory_order_relaxed);
}
