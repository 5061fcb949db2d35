#ifndef CTLS_H
#define CTLS_H

#include <stddef.h>

/// The server's side of TLS by OpenSSL, without sockets: bytes go in and come out. What Swift cannot call, and nothing
/// that has to know HTTP.

/// A certificate, its key and the authorities that clients are checked against. Safe to share between threads.
typedef struct ctls_context ctls_context;
/// One connection; for one thread at a time.
typedef struct ctls_session ctls_session;

/// NULL when the PEM texts cannot be used: `message` says why. Without authorities (length 0) no client shows a
/// certificate.
ctls_context *ctls_context_make(
    const char *certificate, size_t certificate_length, const char *key, size_t key_length, const char *authorities,
    size_t authorities_length, char *message, size_t message_size);
void ctls_context_free(ctls_context *context);

/// NULL when there is no memory.
ctls_session *ctls_session_make(ctls_context *context);
void ctls_session_free(ctls_session *session);

/// Takes what came from the client. 0 when there is no memory.
int ctls_feed(ctls_session *session, const void *bytes, size_t count);
/// What is to be sent to the client: bytes written to `buffer`, 0 when there is no more.
long ctls_take(ctls_session *session, void *buffer, size_t size);
/// What the client said: bytes written to `buffer`; 0: more has to come; -1: the client ends; -2: it is no TLS, or the
/// client's certificate is refused.
long ctls_read(ctls_session *session, void *buffer, size_t size);
/// Takes all of it, to be sent with `ctls_take`. 0 when that cannot be.
int ctls_write(ctls_session *session, const void *bytes, size_t count);
/// Says goodbye, with `ctls_take`.
void ctls_end(ctls_session *session);

/// Names of the certificate that the client has shown and that an authority has signed, a line each: its DNS names, or
/// where it has none its common name. The length; -1 without such a certificate.
long ctls_client_names(ctls_session *session, char *buffer, size_t size);

#endif
