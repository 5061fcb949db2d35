#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void complain(const char *what, const char *why) {
    static const char name[] = "pgmahout-guard: ";
    (void)!write(STDERR_FILENO, name, sizeof name - 1);
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, ": ", 2);
    (void)!write(STDERR_FILENO, why, strlen(why));
    (void)!write(STDERR_FILENO, "\n", 1);
}

/// Ends as the program ended, so that whoever waits for this process learns how.
static int end_as(int status) {
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, WTERMSIG(status));
    signal(WTERMSIG(status), SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

/// What is sent to a program reaches this process: all that people and programs send to end or reload one.
static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

/// Nobody but the kernel sends it. The parent's number would not tell in time: a process of several threads that is
/// killed leaves its children to another of its threads at first, under the same number.
static const int parent_died = SIGPWR;

/// Passes signals on, and kills the whole process group once the parent is gone.
static int watch(pid_t program, const sigset_t *awaited) {
    for (;;) {
        int received = sigwaitinfo(awaited, NULL);
        if (received == parent_died) kill(0, SIGKILL);
        if (received > 0 && received != SIGCHLD) kill(program, received);
        int status = 0;
        if (waitpid(program, &status, WNOHANG) == program) return end_as(status);
    }
}

int run_tied(const char *parent, char **arguments) {
    char *end = NULL;
    long expected = strtol(parent, &end, 10);
    if (expected <= 0 || *end != '\0') {
        complain(parent, "is no process number");
        return exit_usage;
    }
    // A group of its own: the program's own children belong to it, and nobody else does.
    if (getpgrp() != getpid()) (void)setpgid(0, 0);
    sigset_t awaited, before;
    sigemptyset(&awaited);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) sigaddset(&awaited, passed_on[i]);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, parent_died);
    sigprocmask(SIG_BLOCK, &awaited, &before);
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)parent_died, 0UL, 0UL, 0UL) != 0) {
        complain("prctl", strerrordesc_np(errno));
        return exit_unavailable;
    }
    // The parent may have died before the tie was made; then nobody will ever signal.
    if (getppid() != (pid_t)expected) {
        complain(arguments[0], "not started, its parent is gone");
        return exit_unavailable;
    }
    pid_t program = fork();
    if (program < 0) {
        complain("fork", strerrordesc_np(errno));
        return exit_unavailable;
    }
    if (program > 0) return watch(program, &awaited);
    // Also when this process is killed by itself.
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    execv(arguments[0], arguments);
    complain(arguments[0], strerrordesc_np(errno));
    _exit(exit_cannot_execute);
}
