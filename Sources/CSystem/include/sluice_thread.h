#ifndef SLUICE_THREAD_H
#define SLUICE_THREAD_H
/* Names the calling thread (at most 15 bytes); pthread_setname_np is behind _GNU_SOURCE. */
void sluice_name_thread(const char *name);
#endif
