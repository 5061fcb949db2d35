#ifndef PGMAHOUT_GUARD_H
#define PGMAHOUT_GUARD_H

enum {
    exit_usage = 64,
    exit_unavailable = 69,
    /// The program to run cannot be executed; the shell's convention.
    exit_cannot_execute = 126,
};

/// Holds the deadline fed on descriptor 0 and kills postgres when it passes, or when PID 1 dies.
/// Returns the exit status once PID 1 has said goodbye or died.
int run_guard(void);

/// Runs `arguments[0]`, tied to the life of this process' parent, whose number is `parent` (decimal): when that ends, the
/// program is killed with all the children it has made. Death signals alone would not do: children do not inherit them.
/// Returns the program's exit status; ends by the same signal when a signal ended it.
int run_tied(const char *parent, char **arguments);

#endif
