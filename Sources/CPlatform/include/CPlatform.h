#ifndef CPLATFORM_H
#define CPLATFORM_H

/// What Swift's Glibc module lacks: calls behind _GNU_SOURCE, headers that it does not carry, variadics, macros,
/// and the one signal handler, which must not run Swift. Functions return -1 and set errno unless they say otherwise.

/// Makes orphaned descendants children of this process, as those of PID 1 are.
int cpf_set_child_subreaper(void);

/// A pipe, both ends close-on-exec.
int cpf_pipe(int ends[2]);

/// A connected pair of SOCK_SEQPACKET sockets, both close-on-exec and non-blocking; SIGPIPE is up to `cpf_send`.
int cpf_seqpacket_pair(int ends[2]);

/// send(2) that neither waits nor raises SIGPIPE.
long cpf_send(int descriptor, const void *bytes, unsigned long count);

/// Reserves blocks for the first `bytes` of a file, which read as zeros. Fails where the file system cannot.
int cpf_reserve(int descriptor, long bytes);

/// An eventfd, close-on-exec and non-blocking.
int cpf_eventfd(void);

/// An inotify descriptor, close-on-exec and non-blocking, that reports names which appear, change or vanish
/// in `directory`.
int cpf_watch_directory(const char *directory);

/// Whether an event of `cpf_watch_directory` says that events were lost.
int cpf_watch_overflowed(unsigned int mask);

/// Gives back the pages of all program code that is mapped: what only the start needed stays out, the rest comes back
/// from the page cache when it is used. Returns how many mappings were given back.
int cpf_release_program_text(void);

/// Names the calling thread (at most 15 bytes are kept) and blocks the signals that the process handles,
/// so that they do not interrupt its calls.
void cpf_prepare_thread(const char *name);

/// Starts a program in a process group of its own, with no signal blocked or ignored, and with no descriptor but
/// copies of `input`, `output` and `error`, which must be greater than 2. `directory` may be NULL.
/// Returns 0 or the number of the error.
int cpf_spawn(
    int *process, const char *path, char *const *arguments, char *const *environment, const char *directory, int input,
    int output, int error);

/// The process' environment: NULL-terminated `NAME=value`.
char *const *cpf_environment(void);

/// syncfs(2): all that was written to the file system of `descriptor` is durable; errors of writing included (Linux 5.8).
int cpf_syncfs(int descriptor);

/// This process gives way to others: nice 10, and the lowest of the best-effort classes for the disk.
void cpf_lower_priority(void);

/// Lets the kernel begin to write what was written to a file, or to a part of it, without waiting; a count of 0: all.
void cpf_start_writeback(int descriptor, long offset, long count);

/// CRC-32C of bytes that follow those with the checksum `crc`; 0 to begin with.
unsigned int cpf_crc32c(unsigned int crc, const void *bytes, unsigned long count);

/// The same without the processor's help: for tests.
unsigned int cpf_crc32c_by_tables(unsigned int crc, const void *bytes, unsigned long count);

/// Catches `signal`: counts it and makes the descriptor of `cpf_signal_descriptor` readable.
int cpf_catch_signal(int signal);

/// The eventfd that caught signals make readable; made at the first call.
int cpf_signal_descriptor(void);

/// How often `signal` was caught since the last call.
unsigned int cpf_take_signal(int signal);

#endif
