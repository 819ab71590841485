/* A clock on the wall that can be set while a process runs: a library to be loaded before others.
 *
 * The file that CLOCK_AHEAD names holds how many seconds the clock is ahead, and is read at every
 * look at it. The clock that times are measured by is left alone. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int file = -1;

__attribute__((constructor)) static void find(void) {
    const char *name = getenv("CLOCK_AHEAD");
    if (name) file = open(name, O_RDONLY | O_CLOEXEC);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    char ahead[32] = "";
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && pread(file, ahead, sizeof ahead - 1, 0) > 0)
        now->tv_sec += atoll(ahead);
    return result;
}
