#include "CTLS.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctls_context {
    SSL_CTX *ssl;
};

struct ctls_session {
    SSL *ssl;
    // Both belong to `ssl`.
    BIO *input;
    BIO *output;
};

static void explain(char *message, size_t size, const char *what) {
    char reason[160] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0) ERR_error_string_n(code, reason, sizeof reason);
    snprintf(message, size, "%s%s%s", what, code != 0 ? ": " : "", reason);
    ERR_clear_error();
}

/// A key with a passphrase would make OpenSSL ask on the terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static int use_certificates(SSL_CTX *ssl, BIO *text) {
    X509 *own = PEM_read_bio_X509(text, NULL, no_passphrase, NULL);
    if (own == NULL) return 0;
    int used = SSL_CTX_use_certificate(ssl, own);
    X509_free(own);
    if (used != 1) return 0;
    X509 *next;
    while ((next = PEM_read_bio_X509(text, NULL, no_passphrase, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ssl, next) != 1) {
            X509_free(next);
            return 0;
        }
    }
    // The end of the text is reported as an error.
    ERR_clear_error();
    return 1;
}

static int use_key(SSL_CTX *ssl, BIO *text) {
    EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);
    if (key == NULL) return 0;
    int used = SSL_CTX_use_PrivateKey(ssl, key);
    EVP_PKEY_free(key);
    return used == 1 && SSL_CTX_check_private_key(ssl) == 1;
}

static int use_authorities(SSL_CTX *ssl, BIO *text) {
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    int count = 0;
    X509 *next;
    while ((next = PEM_read_bio_X509(text, NULL, no_passphrase, NULL)) != NULL) {
        int added = X509_STORE_add_cert(store, next) == 1 && SSL_CTX_add_client_CA(ssl, next) == 1;
        X509_free(next);
        if (!added) return 0;
        count += 1;
    }
    ERR_clear_error();
    return count > 0;
}

static int use(SSL_CTX *ssl, const char *text, size_t length, int (*body)(SSL_CTX *, BIO *)) {
    if (length > INT_MAX) return 0;
    BIO *bio = BIO_new_mem_buf(text, (int)length);
    if (bio == NULL) return 0;
    int used = body(ssl, bio);
    BIO_free(bio);
    return used;
}

ctls_context *ctls_context_make(
    const char *certificate, size_t certificate_length, const char *key, size_t key_length, const char *authorities,
    size_t authorities_length, char *message, size_t message_size) {
    ERR_clear_error();
    ctls_context *context = calloc(1, sizeof *context);
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (context == NULL || ssl == NULL) {
        explain(message, message_size, "no memory");
    } else if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1) {
        explain(message, message_size, "TLS 1.2");
    } else if (!use(ssl, certificate, certificate_length, use_certificates)) {
        explain(message, message_size, "the certificate cannot be used");
    } else if (!use(ssl, key, key_length, use_key)) {
        explain(message, message_size, "the key cannot be used, or is not the certificate's");
    } else if (authorities_length > 0 && !use(ssl, authorities, authorities_length, use_authorities)) {
        explain(message, message_size, "the certificates of the authorities cannot be used");
    } else {
        // No session is taken up again: every connection shows its certificate, which may have been replaced.
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ssl, 0);
        SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
        // Who shows none may still read; one that is shown must be good.
        SSL_CTX_set_verify(ssl, authorities_length > 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
        context->ssl = ssl;
        return context;
    }
    SSL_CTX_free(ssl);
    free(context);
    return NULL;
}

void ctls_context_free(ctls_context *context) {
    if (context == NULL) return;
    SSL_CTX_free(context->ssl);
    free(context);
}

ctls_session *ctls_session_make(ctls_context *context) {
    ERR_clear_error();
    ctls_session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->ssl = SSL_new(context->ssl);
    session->input = BIO_new(BIO_s_mem());
    session->output = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->input == NULL || session->output == NULL) {
        SSL_free(session->ssl);
        BIO_free(session->input);
        BIO_free(session->output);
        free(session);
        return NULL;
    }
    SSL_set_bio(session->ssl, session->input, session->output);
    SSL_set_accept_state(session->ssl);
    return session;
}

void ctls_session_free(ctls_session *session) {
    if (session == NULL) return;
    SSL_free(session->ssl);
    free(session);
}

int ctls_feed(ctls_session *session, const void *bytes, size_t count) {
    if (count > INT_MAX) return 0;
    return count == 0 || BIO_write(session->input, bytes, (int)count) == (int)count;
}

long ctls_take(ctls_session *session, void *buffer, size_t size) {
    int count = BIO_read(session->output, buffer, size > INT_MAX ? INT_MAX : (int)size);
    return count > 0 ? count : 0;
}

long ctls_read(ctls_session *session, void *buffer, size_t size) {
    ERR_clear_error();
    int count = SSL_read(session->ssl, buffer, size > INT_MAX ? INT_MAX : (int)size);
    if (count > 0) return count;
    switch (SSL_get_error(session->ssl, count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return 0;
    case SSL_ERROR_ZERO_RETURN: return -1;
    default: ERR_clear_error(); return -2;
    }
}

int ctls_write(ctls_session *session, const void *bytes, size_t count) {
    const char *rest = bytes;
    while (count > 0) {
        ERR_clear_error();
        int written = SSL_write(session->ssl, rest, count > INT_MAX ? INT_MAX : (int)count);
        if (written <= 0) {
            ERR_clear_error();
            return 0;
        }
        rest += written;
        count -= (size_t)written;
    }
    return 1;
}

void ctls_end(ctls_session *session) {
    ERR_clear_error();
    SSL_shutdown(session->ssl);
    ERR_clear_error();
}

/// Appends a line; a name with a zero or a line break in it is none.
static size_t append(char *buffer, size_t size, size_t used, const unsigned char *name, int length) {
    if (name == NULL || length <= 0 || used + (size_t)length + 1 > size) return used;
    for (int i = 0; i < length; i++) {
        if (name[i] < 0x20) return used;
    }
    memcpy(buffer + used, name, (size_t)length);
    buffer[used + (size_t)length] = '\n';
    return used + (size_t)length + 1;
}

long ctls_client_names(ctls_session *session, char *buffer, size_t size) {
    X509 *certificate = SSL_get1_peer_certificate(session->ssl);
    if (certificate == NULL) return -1;
    if (SSL_get_verify_result(session->ssl) != X509_V_OK) {
        X509_free(certificate);
        return -1;
    }
    size_t used = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    int hasNames = 0;
    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS) continue;
        hasNames = 1;
        used = append(buffer, size, used, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    if (!hasNames) {
        X509_NAME *subject = X509_get_subject_name(certificate);
        int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (index >= 0) {
            unsigned char *text = NULL;
            int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
            used = append(buffer, size, used, text, length);
            OPENSSL_free(text);
        }
    }
    X509_free(certificate);
    ERR_clear_error();
    return (long)used;
}
