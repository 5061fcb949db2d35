#ifndef PGM_GUARD_PROTOCOL_H
#define PGM_GUARD_PROTOCOL_H

#include <stdint.h>

/// What PID 1 tells pgmahout-guard: one SOCK_SEQPACKET message on the guard's descriptor 0, native byte order.
/// Each message replaces the one before it. The guard answers each with the deadline that it now holds
/// (8 bytes, 0 when disarmed), and never waits for the answer to be read.

#define PGM_GUARD_MAGIC 0x50474d47u /* PGMG */
#define PGM_GUARD_VERSION 1u

/// Kill when `deadline_boottime_ns` passes. Without it the guard only watches for the death of PID 1.
#define PGM_GUARD_ARMED 1u

/// `postmaster` of the last message: the guard ends and kills nothing.
#define PGM_GUARD_GOODBYE (-1)

struct pgm_guard_message {
    uint32_t magic;
    uint32_t version;
    /// 0: not known (yet); the server is then found by its data directory alone.
    int32_t postmaster;
    uint32_t flags;
    /// CLOCK_BOOTTIME.
    uint64_t deadline_boottime_ns;
    /// Absolute, free of symbolic links, ends with a zero byte.
    char data_directory[1024];
};

#endif
