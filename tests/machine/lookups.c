/* Names that are never found: a library to be loaded before others, with which each lookup lasts for
 * ever, as where a name server is silent. Each leaves a byte in the file that LOOKUPS names. */

#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    const char *name = getenv("LOOKUPS");
    int file = name ? open(name, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    (void)host, (void)service, (void)hints, (void)found;
    if (file < 0 || write(file, ".", 1) != 1) abort();
    for (;;) pause();
}
