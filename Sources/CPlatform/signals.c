#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Real handlers, not signalfd: the runtime may park a thread in sigsuspend with an empty mask, where a blocked
// signal would take its default action. Counters, not bytes in a pipe: a flood of one signal cannot push out another.

static _Atomic int wake = -1;
static _Atomic unsigned int caught[65];

static void on_signal(int number) {
    int saved = errno;
    uint64_t one = 1;
    atomic_fetch_add(&caught[number], 1);
    // EAGAIN only says that the counter is full, and then the descriptor is readable anyway.
    (void)!write(atomic_load(&wake), &one, sizeof one);
    errno = saved;
}

int cpf_signal_descriptor(void) {
    int descriptor = atomic_load(&wake);
    if (descriptor >= 0) return descriptor;
    int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made < 0) return -1;
    int none = -1;
    if (atomic_compare_exchange_strong(&wake, &none, made)) return made;
    close(made);
    return none;
}

int cpf_catch_signal(int signal) {
    if (signal < 1 || signal > 64) {
        errno = EINVAL;
        return -1;
    }
    if (cpf_signal_descriptor() < 0) return -1;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigfillset(&action.sa_mask);
    return sigaction(signal, &action, NULL);
}

unsigned int cpf_take_signal(int signal) {
    return signal < 1 || signal > 64 ? 0 : atomic_exchange(&caught[signal], 0);
}
