#define _GNU_SOURCE
#include "guard.h"

#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: pgmahout-guard                        kill postgres when the deadline passes that is fed on descriptor 0\n"
    "       pgmahout-guard --tie PARENT PROGRAM…  run PROGRAM, killed as soon as its parent, process PARENT, ends\n";

int main(int count, char **arguments) {
    if (count == 1) return run_guard();
    if (count >= 4 && strcmp(arguments[1], "--tie") == 0) return run_tied(arguments[2], arguments + 3);
    (void)!write(STDERR_FILENO, usage, sizeof usage - 1);
    return exit_usage;
}
