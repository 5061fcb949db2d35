#define _GNU_SOURCE
#include "CPlatform.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Refused, it is no harm: the work is done all the same. */
void cpf_lower_priority(void) {
    (void)setpriority(PRIO_PROCESS, 0, 10);
    /* IOPRIO_WHO_PROCESS, ourselves, IOPRIO_CLASS_BE with the lowest of its eight levels. */
    (void)syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7);
}
