#define _GNU_SOURCE
#include "sluice_thread.h"
#include <pthread.h>

/* Fails only for a name that is too long; a thread without a name works as well. */
void sluice_name_thread(const char *name) { (void)pthread_setname_np(pthread_self(), name); }
