#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "pgm_guard_protocol.h"
#include "pgm_process_tree.h"
#include "report.h"

enum {
    feeder = STDIN_FILENO,
    /// Messages taken before the deadline is looked at again.
    messages_at_once = 64,
};

enum reading { reading_more, reading_nothing, reading_end, reading_goodbye };

struct guard {
    /// Readable once the deadline passes, on a clock that goes on while the machine is suspended.
    int timer;
    /// Names `postmaster` beyond the reuse of its number; -1 when there is none or the kernel has no such thing.
    int postmaster_handle;
    pid_t postmaster;
    bool armed;
    uint64_t deadline;
    char data_directory[sizeof((struct pgm_guard_message *)0)->data_directory];
};

static uint64_t now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_BOOTTIME, &moment);
    return (uint64_t)moment.tv_sec * 1000000000u + (uint64_t)moment.tv_nsec;
}

static void set_timer(const struct guard *guard) {
    struct itimerspec timer = {0};
    if (guard->armed) {
        timer.it_value.tv_sec = (time_t)(guard->deadline / 1000000000u);
        timer.it_value.tv_nsec = (long)(guard->deadline % 1000000000u);
        // All zero would disarm the timer instead of firing at once.
        if (guard->deadline == 0) timer.it_value.tv_nsec = 1;
    }
    timerfd_settime(guard->timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void set_postmaster(struct guard *guard, pid_t postmaster) {
    if (guard->postmaster == postmaster) return;
    if (guard->postmaster_handle >= 0) close(guard->postmaster_handle);
    guard->postmaster = postmaster;
    guard->postmaster_handle = postmaster > 1 ? (int)syscall(SYS_pidfd_open, postmaster, 0u) : -1;
}

/// 0 when the postmaster has ended: its number may be another process' by now.
static pid_t living_postmaster(const struct guard *guard) {
    struct pollfd ended = {.fd = guard->postmaster_handle, .events = POLLIN};
    if (guard->postmaster_handle >= 0 && poll(&ended, 1, 0) == 1) return 0;
    return guard->postmaster;
}

static void answer(const struct guard *guard) {
    uint64_t held = guard->armed ? guard->deadline : 0;
    (void)!send(feeder, &held, sizeof held, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum reading read_message(struct guard *guard) {
    struct pgm_guard_message message;
    ssize_t length = recv(feeder, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0 && errno == EINTR) return reading_more;
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return reading_nothing;
    // A feeder that dies with unread answers shows as a reset, not as an end.
    if (length <= 0) return reading_end;
    if (length != sizeof message || message.magic != PGM_GUARD_MAGIC || message.version != PGM_GUARD_VERSION
        || memchr(message.data_directory, '\0', sizeof message.data_directory) == NULL) {
        report("error", "message not understood, the deadline stays", NULL, -1, guard->data_directory);
        return reading_more;
    }
    if (message.postmaster == PGM_GUARD_GOODBYE) return reading_goodbye;
    set_postmaster(guard, message.postmaster);
    guard->armed = (message.flags & PGM_GUARD_ARMED) != 0;
    guard->deadline = message.deadline_boottime_ns;
    memcpy(guard->data_directory, message.data_directory, sizeof guard->data_directory);
    set_timer(guard);
    answer(guard);
    return reading_more;
}

static void kill_postgres(struct guard *guard, const char *reason) {
    int processes = pgm_kill_postgres(living_postmaster(guard), guard->data_directory);
    guard->armed = false;
    set_timer(guard);
    if (processes > 0) report("critical", "killed postgres", reason, processes, guard->data_directory);
    else if (processes < 0)
        report("critical", "killed the postmaster only, /proc cannot be read", reason, -1, guard->data_directory);
}

/// Best effort throughout: an unprivileged container allows little of it, and the guard works without.
static void harden(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    (void)mlockall(MCL_CURRENT | MCL_FUTURE);
    struct sched_param priority = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    (void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        (void)!write(score, "-1000", 5);
        close(score);
    }
    // Keeps no directory busy that somebody may want to unmount.
    (void)!chdir("/");
}

int run_guard(void) {
    harden();
    struct guard guard = {.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK), .postmaster_handle = -1};
    int kind = 0;
    socklen_t size = sizeof kind;
    if (guard.timer < 0 || getsockopt(feeder, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != SOCK_SEQPACKET) {
        report("critical", "cannot start: no timer, or descriptor 0 is no SOCK_SEQPACKET socket", NULL, -1, "");
        return exit_unavailable;
    }
    for (;;) {
        struct pollfd events[] = {{.fd = feeder, .events = POLLIN}, {.fd = guard.timer, .events = POLLIN}};
        (void)poll(events, 2, -1);
        // What was fed comes first: after a freeze of the whole pod a newer deadline may already be waiting.
        enum reading reading = reading_more;
        for (int i = 0; i < messages_at_once && reading == reading_more; i++) reading = read_message(&guard);
        if (reading == reading_goodbye) return 0;
        if (reading == reading_end) {
            // A server may be on its way up when it is armed, even if its number has not been told yet.
            if (guard.postmaster > 0 || guard.armed) kill_postgres(&guard, "pid 1 died");
            return 0;
        }
        if (guard.armed && now() >= guard.deadline) kill_postgres(&guard, "lease deadline passed");
    }
}
