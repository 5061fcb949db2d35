#define _GNU_SOURCE
#include "CPlatform.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int cpf_release_program_text(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return -1;
    char line[4352];
    int released = 0;
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin, end, inode;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &begin, &end, rights, &inode) != 4) continue;
        /* Only code of files, which is clean by its nature: r--p pages may hold relocations, which are not in the file. */
        if (strcmp(rights, "r-xp") != 0 || inode == 0) continue;
        if (madvise((void *)begin, end - begin, MADV_DONTNEED) == 0) released++;
    }
    fclose(maps);
    return released;
}
