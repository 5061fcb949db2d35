#ifndef PGM_PROCESS_TREE_H
#define PGM_PROCESS_TREE_H

#include <sys/types.h>

/// Finding and killing all processes of one PostgreSQL server. Shared by PID 1 and by pgmahout-guard:
/// no heap, no stdio, and no access to the data directory itself, which may be on a disk that hangs.
///
/// PostgreSQL's children call setsid(): each backend is a process group and a session of its own, so that
/// kill(-postmaster) reaches the postmaster alone, and a busy backend goes on acknowledging commits for as long
/// as its query runs. What belongs to a server is therefore found in /proc:
///   - the postmaster and its children,
///   - every process named postgres whose working directory is the data directory (orphans of a dead postmaster),
///   - everything in the sessions of those (archive_command and its like).
///
/// `data_directory` must be absolute and free of symbolic links: it is compared with the text of /proc/PID/cwd.
/// `postmaster` is 0 when there is none any more, or when its number may have been given to another process.

/// The living processes of the server, at most `capacity` of them in `found`; zombies do not count.
/// Returns how many there are, or -1 when /proc cannot be read.
int pgm_find_postgres(pid_t postmaster, const char *data_directory, pid_t *found, int capacity);

/// Sends SIGKILL to all of them; on return none can execute another instruction, though some may still be exiting.
/// Returns how many were alive, or -1 when /proc cannot be read (then only the postmaster was killed).
int pgm_kill_postgres(pid_t postmaster, const char *data_directory);

#endif
