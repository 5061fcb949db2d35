#define _GNU_SOURCE
#include "pgm_process_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /// Beyond max_connections of any sane server; more are still killed, only not remembered.
    max_members = 4096,
    /// Two are enough unless processes keep appearing.
    max_rounds = 64,
};

struct search {
    int proc;
    pid_t postmaster;
    const char *data_directory;
    /// 0: only look.
    int signal_number;
    pid_t members[max_members];
    int count;
    /// Members that did not fit.
    int overflow;
};

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/// 0 when the text is no process number.
static pid_t parse_pid(const char *text) {
    long value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (*text - '0');
        if (value > INT_MAX) return 0;
    }
    return *text == '\0' ? (pid_t)value : 0;
}

/// Writes "PID/name" and returns it.
static const char *entry_path(char *buffer, const char *pid, const char *name) {
    char *end = stpcpy(buffer, pid);
    *end++ = '/';
    strcpy(end, name);
    return buffer;
}

static long parse_number(const char **text) {
    long value = 0;
    while (**text == ' ') (*text)++;
    for (; **text >= '0' && **text <= '9'; (*text)++) value = value * 10 + (**text - '0');
    return value;
}

/// Reads state, parent and session. False when the process is gone; when it merely cannot be read
/// (no descriptor left), parent and session stay 0, and the working directory decides.
static bool read_stat(int proc, const char *pid, char *state, pid_t *parent, pid_t *session) {
    char path[64], text[1024];
    *state = '?';
    *parent = 0;
    *session = 0;
    int descriptor = openat(proc, entry_path(path, pid, "stat"), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno != ENOENT && errno != ESRCH;
    ssize_t length = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (length <= 0) return false;
    text[length] = '\0';
    // The name in parentheses may itself hold blanks and parentheses; the last one closes it.
    const char *rest = strrchr(text, ')');
    if (rest == NULL || rest[1] != ' ' || rest[2] == '\0') return false;
    *state = rest[2];
    rest += 3;
    *parent = (pid_t)parse_number(&rest);
    (void)parse_number(&rest);  // process group
    *session = (pid_t)parse_number(&rest);
    return true;
}

/// The target of a link in /proc, without the mark of a deleted file. Reads no file system but proc.
static bool read_link(int proc, const char *pid, const char *name, char *target, size_t size) {
    static const char deleted[] = " (deleted)";
    char path[64];
    ssize_t length = readlinkat(proc, entry_path(path, pid, name), target, size - 1);
    if (length < 0) return false;
    target[length] = '\0';
    size_t mark = sizeof deleted - 1;
    if ((size_t)length > mark && strcmp(target + length - mark, deleted) == 0) target[length - mark] = '\0';
    return true;
}

/// The program's name is asked for as well: a person's shell may stand in the data directory.
static bool is_postgres_in(int proc, const char *pid, const char *data_directory) {
    char target[PATH_MAX + 16];
    if (data_directory[0] == '\0') return false;
    if (!read_link(proc, pid, "cwd", target, sizeof target) || strcmp(target, data_directory) != 0) return false;
    if (!read_link(proc, pid, "exe", target, sizeof target)) return false;
    const char *name = strrchr(target, '/');
    return strstr(name != NULL ? name : target, "postgres") != NULL;
}

static bool is_member(const struct search *search, pid_t pid) {
    for (int i = 0; i < search->count; i++)
        if (search->members[i] == pid) return true;
    return false;
}

/// Adds one process to the members when it belongs to the server and lives. True when it is new.
static bool examine(struct search *search, const char *name) {
    pid_t pid = parse_pid(name);
    if (pid <= 1 || pid == getpid() || pid == getppid() || is_member(search, pid)) return false;
    char state;
    pid_t parent, session;
    if (!read_stat(search->proc, name, &state, &parent, &session) || state == 'Z' || state == 'X') return false;
    bool belongs = pid == search->postmaster || (search->postmaster > 1 && parent == search->postmaster)
        || (session > 1 && is_member(search, session))
        || is_postgres_in(search->proc, name, search->data_directory);
    if (!belongs) return false;
    // The postmaster stays stopped until its children are dead: they are told by their parent.
    if (search->signal_number != 0 && pid != search->postmaster) kill(pid, search->signal_number);
    if (search->count < max_members) search->members[search->count++] = pid;
    else search->overflow++;
    return true;
}

/// One walk through /proc. Returns how many new members it found, or -1.
static int scan(struct search *search) {
    _Alignas(struct directory_entry) char buffer[16384];
    int found = 0;
    search->overflow = 0;
    if (lseek(search->proc, 0, SEEK_SET) < 0) return -1;
    for (;;) {
        long length = syscall(SYS_getdents64, search->proc, buffer, sizeof buffer);
        if (length < 0) return -1;
        if (length == 0) return found;
        for (long at = 0; at < length;) {
            const struct directory_entry *entry = (const struct directory_entry *)(const void *)(buffer + at);
            if (examine(search, entry->name)) found++;
            at += entry->length;
        }
    }
}

static bool begin(struct search *search, pid_t postmaster, const char *data_directory, int signal_number) {
    search->postmaster = postmaster > 1 ? postmaster : 0;
    search->data_directory = data_directory;
    search->signal_number = signal_number;
    search->count = 0;
    search->overflow = 0;
    search->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return search->proc >= 0;
}

int pgm_find_postgres(pid_t postmaster, const char *data_directory, pid_t *found, int capacity) {
    struct search search;
    if (!begin(&search, postmaster, data_directory, 0)) return -1;
    int fresh = 0;
    // Again until nothing is new: a session's leader may stand behind its members in /proc.
    for (int round = 0; round < max_rounds && (fresh = scan(&search)) > search.overflow; round++) continue;
    close(search.proc);
    if (fresh < 0) return -1;
    for (int i = 0; i < search.count && i < capacity; i++) found[i] = search.members[i];
    return search.count + search.overflow;
}

int pgm_kill_postgres(pid_t postmaster, const char *data_directory) {
    struct search search;
    // A stopped postmaster forks no more and stays the parent by which its children are known.
    if (postmaster > 1) kill(postmaster, SIGSTOP);
    if (!begin(&search, postmaster, data_directory, SIGKILL)) {
        if (postmaster > 1) kill(postmaster, SIGKILL);
        return -1;
    }
    int fresh = 0;
    // A process with SIGKILL pending cannot fork: a round that finds nothing new, after one in which everything
    // known was killed, proves that nothing is left.
    for (int round = 0; round < max_rounds; round++) {
        fresh = scan(&search);
        if (round == 0 && postmaster > 1) kill(postmaster, SIGKILL);
        if (fresh < 0 || (fresh == 0 && round > 0)) break;
    }
    close(search.proc);
    return fresh < 0 ? -1 : search.count + search.overflow;
}
