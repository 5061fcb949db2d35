#ifndef PGMAHOUT_GUARD_REPORT_H
#define PGMAHOUT_GUARD_REPORT_H

/// Writes one JSON log line to standard error; gives up rather than wait for a reader.
/// `processes` below zero is left out.
void report(const char *level, const char *message, const char *reason, int processes, const char *data_directory);

#endif
