#ifndef CURL_SHIM_H
#define CURL_SHIM_H

#include <curl/curl.h>
#include <stddef.h>

/// What Swift cannot call in libcurl: variadic functions, one wrapper per kind of argument, and the union in CURLMsg.

CURLcode ccs_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccs_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccs_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccs_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
CURLcode ccs_set_pointer(CURL *easy, CURLoption option, void *value);

/// Copies the bytes.
CURLcode ccs_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count);

/// Copies the body, so that it need not stay where it is.
CURLcode ccs_set_body(CURL *easy, const void *bytes, size_t count);

/// A body of `count` bytes, which the read function provides.
CURLcode ccs_set_upload(CURL *easy, size_t count);

/// Receives bytes of a body or one header line; anything but `size * count` ends the transfer with an error. Or
/// provides up to so many bytes of a body, and returns how many.
typedef size_t (*ccs_receiver)(char *bytes, size_t size, size_t count, void *context);
CURLcode ccs_set_receiver(CURL *easy, CURLoption option, ccs_receiver receiver);

/// Goes to a place in the body that is sent.
typedef int (*ccs_seeker)(void *context, curl_off_t offset, int origin);
CURLcode ccs_set_seeker(CURL *easy, ccs_seeker seeker);

CURLMcode ccs_multi_set_long(CURLM *multi, CURLMoption option, long value);

/// 0 when there is no answer.
long ccs_response_code(CURL *easy);
/// Connections that the transfer had to open; 0 when it reused one.
long ccs_connections_opened(CURL *easy);

/// The next transfer that has ended, with its outcome; NULL when there is none.
CURL *ccs_next_finished(CURLM *multi, CURLcode *outcome);

#endif
