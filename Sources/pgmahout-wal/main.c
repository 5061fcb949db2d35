/* What archive_command and restore_command run: asks the resident archiver over its unix socket and passes the verdict on.
 *
 * C, static, no allocation and no name service, because PostgreSQL starts it once a segment: it must cost less than
 * the shell in front of it.
 *
 *   pgmahout-wal push  --socket PATH [--timeout SECONDS] %p %f
 *   pgmahout-wal fetch --socket PATH [--timeout SECONDS] %f %p
 *
 * Request:  "push NAME PATH\n" or "fetch NAME PATH\n", the path absolute.
 * Reply:    "ok\n", "absent\n", "leave\n", "unavailable REASON\n" or "error REASON\n".
 *
 * Exit status of push: 0 only when the file is durable in the archive, else 1. Nothing above 125: that would end
 * PostgreSQL's archiver process without counting the failure. But for one case, where just that is wanted: postgres is
 * being stopped and waits for that process, which would otherwise wait for an archive that hangs, and try three times.
 * Exit status of fetch: 0 delivered, 1 not there. When the archive cannot be reached, it is asked again until the
 * timeout by a recovery to a target (recovery.signal), and then 255 stops that: 1 would end it there and then, short
 * of its WAL and perhaps on a timeline that exists already. For everybody else it is 1, soon: a standby asks again by
 * itself, and one that is being promoted, which has no signal file any more when it asks for the last time, must not
 * depend on the archive. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, STOP_RECOVERY = 255, STOP_ARCHIVER = 255 };
enum verdict { VERDICT_OK, VERDICT_ABSENT, VERDICT_LEAVE, VERDICT_UNAVAILABLE };

static const int64_t default_timeout_ms = 60000;
/* For a standby, which can stream instead: an archive that hangs must not hold up its promotion. */
static const int64_t standby_timeout_ms = 5000;
/* How long the archiver may be away: it is restarted within this time. A push that waits longer would hold up a
 * shutdown, and a fetch a promotion. */
static const int64_t connect_patience_ms = 2000;
static const int64_t longest_pause_ms = 2000;

struct request {
    int push;
    const char *socket;
    const char *name;
    const char *path;
    /* 0: the default. */
    int64_t timeout_ms;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int64_t milliseconds) {
    poll(NULL, 0, (int)milliseconds);
}

/* One write(2), so that the line stays whole in PostgreSQL's log. */
static void complain(const struct request *request, const char *what, const char *detail) {
    struct iovec parts[] = {
        {(void *)"pgmahout-wal: ", 14},
        {(void *)request->name, strlen(request->name)},
        {(void *)": ", 2},
        {(void *)what, strlen(what)},
        {(void *)(detail[0] ? ": " : ""), detail[0] ? 2 : 0},
        {(void *)detail, strlen(detail)},
        {(void *)"\n", 1},
    };
    ssize_t ignored = writev(STDERR_FILENO, parts, sizeof parts / sizeof parts[0]);
    (void)ignored;
}

/* A connected socket, or -1 with errno once `deadline` has passed or the path cannot be a socket. */
static int connect_until(const char *path, int64_t deadline) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    for (;;) {
        int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s < 0) return -1;
        if (connect(s, (struct sockaddr *)&address, sizeof address) == 0) return s;
        int reason = errno;
        close(s);
        errno = reason;
        /* Nobody there yet, or too many at once. */
        if (reason != ECONNREFUSED && reason != ENOENT && reason != EAGAIN && reason != EINTR) return -1;
        if (now_ms() >= deadline) return -1;
        pause_ms(50);
    }
}

static int wait_for(int s, short event, int64_t deadline) {
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd p = {.fd = s, .events = event};
        int n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0) return 0;
        if (n < 0 && errno != EINTR) return -1;
    }
}

static int send_all(int s, const char *bytes, size_t length, int64_t deadline) {
    while (length > 0) {
        ssize_t n = send(s, bytes, length, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes += n;
            length -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return -1;
        } else if (wait_for(s, POLLOUT, deadline) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Reads one line into `line`, without its end. */
static int receive_line(int s, char *line, size_t capacity, int64_t deadline) {
    size_t length = 0;
    for (;;) {
        if (wait_for(s, POLLIN, deadline) != 0) return -1;
        ssize_t n = recv(s, line + length, capacity - 1 - length, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n < 0) return -1;
        length += (size_t)n;
        line[length] = 0;
        char *end = strchr(line, '\n');
        if (end) {
            *end = 0;
            return 0;
        }
        if (n == 0 || length == capacity - 1) {
            errno = ECONNRESET;
            return -1;
        }
    }
}

/* Builds "verb NAME PATH\n"; the archiver has another working directory, so a relative path is completed. */
static int compose(const struct request *request, char *line, size_t capacity) {
    char directory[2048] = "";
    if (request->path[0] != '/') {
        if (!getcwd(directory, sizeof directory - 1)) return -1;
        strcat(directory, "/");
    }
    const char *parts[] = {request->push ? "push " : "fetch ", request->name, " ", directory, request->path};
    size_t length = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]);
        if (length + n + 2 > capacity || memchr(parts[i], '\n', n)) {
            errno = EINVAL;
            return -1;
        }
        memcpy(line + length, parts[i], n);
        length += n;
    }
    line[length++] = '\n';
    line[length] = 0;
    return 0;
}

/* One question, one answer; `reason` says why the verdict is not what was hoped for. */
static enum verdict ask(const struct request *request, const char *line, int64_t connect_deadline, int64_t deadline,
                        char *reason, size_t capacity) {
    int s = connect_until(request->socket, connect_deadline < deadline ? connect_deadline : deadline);
    if (s < 0 || send_all(s, line, strlen(line), deadline) != 0 || receive_line(s, reason, capacity, deadline) != 0) {
        const char *text = strerror(errno);
        size_t n = strlen("no answer from the archiver: ");
        memcpy(reason, "no answer from the archiver: ", n);
        strncpy(reason + n, text, capacity - n - 1);
        reason[capacity - 1] = 0;
        if (s >= 0) close(s);
        return VERDICT_UNAVAILABLE;
    }
    close(s);
    if (strcmp(reason, "ok") == 0) return VERDICT_OK;
    if (strcmp(reason, "absent") == 0) return VERDICT_ABSENT;
    if (strcmp(reason, "leave") == 0) return VERDICT_LEAVE;
    /* "unavailable" or "error": the words behind are for people. */
    char *words = strchr(reason, ' ');
    if (words) memmove(reason, words + 1, strlen(words + 1) + 1);
    return VERDICT_UNAVAILABLE;
}

static int push(const struct request *request, const char *line, int64_t start) {
    char reason[1024];
    int64_t deadline = start + (request->timeout_ms ? request->timeout_ms : default_timeout_ms);
    switch (ask(request, line, start + connect_patience_ms, deadline, reason, sizeof reason)) {
    case VERDICT_OK: return DONE;
    case VERDICT_LEAVE:
        complain(request, "not archived yet, and postgres is being stopped", "");
        return STOP_ARCHIVER;
    case VERDICT_ABSENT:
    case VERDICT_UNAVAILABLE: break;
    }
    complain(request, "not archived", reason);
    return FAILED;
}

static int fetch(const struct request *request, const char *line, int64_t start) {
    char reason[1024];
    /* PostgreSQL runs restore_command in its data directory; with both files it is a standby. */
    int to_target = access("recovery.signal", F_OK) == 0 && access("standby.signal", F_OK) != 0;
    int64_t usual = to_target ? default_timeout_ms : standby_timeout_ms;
    int64_t deadline = start + (request->timeout_ms ? request->timeout_ms : usual);
    for (int64_t wait = 100;; wait = wait * 2 > longest_pause_ms ? longest_pause_ms : wait * 2) {
        int64_t patience = to_target ? deadline : now_ms() + connect_patience_ms;
        switch (ask(request, line, patience, deadline, reason, sizeof reason)) {
        case VERDICT_OK: return DONE;
        case VERDICT_ABSENT: return FAILED;
        case VERDICT_LEAVE:
        case VERDICT_UNAVAILABLE: break;
        }
        if (!to_target) {
            complain(request, "not restored", reason);
            return FAILED;
        }
        if (now_ms() + wait >= deadline) break;
        pause_ms(wait);
    }
    complain(request, "not restored, recovery must not go on without an answer", reason);
    return STOP_RECOVERY;
}

static int usage(int push) {
    static const char text[] =
        "usage: pgmahout-wal push  --socket PATH [--timeout SECONDS] %p %f\n"
        "       pgmahout-wal fetch --socket PATH [--timeout SECONDS] %f %p\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    /* A mistake in restore_command must not read as "not in the archive". */
    return push ? FAILED : STOP_RECOVERY;
}

int main(int argc, char **argv) {
    struct request request = {.timeout_ms = 0};
    const char *operands[2] = {NULL, NULL};
    int count = 0;
    if (argc < 2) return usage(1);
    request.push = strcmp(argv[1], "push") == 0;
    if (!request.push && strcmp(argv[1], "fetch") != 0) return usage(0);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
            request.socket = argv[++i];
        } else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc) {
            char *end;
            long seconds = strtol(argv[++i], &end, 10);
            if (*end || seconds < 1 || seconds > 86400) return usage(request.push);
            request.timeout_ms = seconds * 1000;
        } else if (argv[i][0] != '-' && count < 2) {
            operands[count++] = argv[i];
        } else {
            return usage(request.push);
        }
    }
    if (!request.socket || count != 2) return usage(request.push);
    request.path = operands[request.push ? 0 : 1];
    request.name = operands[request.push ? 1 : 0];

    char line[4096];
    if (compose(&request, line, sizeof line) != 0) {
        complain(&request, "path", strerror(errno));
        return request.push ? FAILED : STOP_RECOVERY;
    }
    int64_t start = now_ms();
    return request.push ? push(&request, line, start) : fetch(&request, line, start);
}
