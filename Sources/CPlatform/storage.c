#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int cpf_syncfs(int descriptor) {
    return syncfs(descriptor);
}

void cpf_start_writeback(int descriptor, long offset, long count) {
    /* Only a hint: what matters is said by syncfs or fsync later. */
    int saved = errno;
    (void)!sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE);
    errno = saved;
}
