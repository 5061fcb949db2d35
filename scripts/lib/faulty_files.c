/* Preloaded into a program: makes calls on files below PGM_FAULT_ROOT fail, as network file systems do.
 *
 * PGM_FAULTS names a file with lines `CALL ERRNO COUNT`; COUNT calls fail, -1: all. It is read at each call, and written
 * back with what is left, so that a test can change it and see what happened. CALL is open, read, write, fsync, syncdir
 * (fsync of a directory), close, link, rename, mkdir, or unlink; `hang` instead of ERRNO makes the call wait until the file says something else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int busy;

/* Whether this call fails now; sets errno. */
static int fails_once(const char *call, int *hang) {
    const char *path = getenv("PGM_FAULTS");
    FILE *file = path ? fopen(path, "r") : NULL;
    char text[4096] = "", word[32], reason[32];
    int count, failed = 0;
    *hang = 0;
    if (!file) return 0;
    while (fscanf(file, "%31s %31s %d", word, reason, &count) == 3) {
        if (!failed && count != 0 && strcmp(word, call) == 0) {
            failed = atoi(reason);
            *hang = strcmp(reason, "hang") == 0;
            if (count > 0 && !*hang) count--;
        }
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s %s %d\n", word, reason, count);
    }
    fclose(file);
    if (failed && (file = fopen(path, "w"))) {
        fputs(text, file);
        fclose(file);
    }
    return failed;
}

static int fails(const char *call, const char *path) {
    const char *root = getenv("PGM_FAULT_ROOT");
    int code = 0, hang = 0;
    if (busy || !root || !path || strncmp(path, root, strlen(root)) != 0) return 0;
    busy = 1;
    do {
        if (hang) usleep(20000);
        pthread_mutex_lock(&lock);
        code = fails_once(call, &hang);
        pthread_mutex_unlock(&lock);
    } while (hang);
    busy = 0;
    if (code) errno = code;
    return code != 0;
}

static int descriptor_fails(const char *call, int descriptor) {
    char name[64], path[4096];
    if (busy) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(call, path);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return fails("open", path) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return fails("open", path) ? -1 : REAL(open64)(path, flags, mode);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
    return descriptor_fails("read", descriptor) ? -1 : REAL(read)(descriptor, bytes, count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    return descriptor_fails("write", descriptor) ? -1 : REAL(write)(descriptor, bytes, count);
}

int fsync(int descriptor) {
    struct stat status;
    int is_directory = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    return descriptor_fails(is_directory ? "syncdir" : "fsync", descriptor) ? -1 : REAL(fsync)(descriptor);
}

/* The descriptor is gone all the same. */
int close(int descriptor) {
    int failed = descriptor_fails("close", descriptor), code = errno;
    int result = REAL(close)(descriptor);
    if (!failed) return result;
    errno = code;
    return -1;
}

int link(const char *from, const char *to) { return fails("link", to) ? -1 : REAL(link)(from, to); }
int rename(const char *from, const char *to) { return fails("rename", to) ? -1 : REAL(rename)(from, to); }
int mkdir(const char *path, mode_t mode) { return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode); }
int unlink(const char *path) { return fails("unlink", path) ? -1 : REAL(unlink)(path); }
