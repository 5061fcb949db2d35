#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void complain(const char *what, const char *why) {
    static const char name[] = "pgmahout-guard: ";
    (void)!write(STDERR_FILENO, name, sizeof name - 1);
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, ": ", 2);
    (void)!write(STDERR_FILENO, why, strlen(why));
    (void)!write(STDERR_FILENO, "\n", 1);
}

int run_tied(const char *parent, char **arguments) {
    char *end = NULL;
    long expected = strtol(parent, &end, 10);
    if (expected <= 0 || *end != '\0') {
        complain(parent, "is no process number");
        return exit_usage;
    }
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) != 0) {
        complain("prctl", strerrordesc_np(errno));
        return exit_unavailable;
    }
    // The parent may have died before the tie was made; then nobody will ever signal.
    if (getppid() != (pid_t)expected) {
        complain(arguments[0], "not started, its parent is gone");
        return exit_unavailable;
    }
    execv(arguments[0], arguments);
    complain(arguments[0], strerrordesc_np(errno));
    return exit_cannot_execute;
}
