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

/// Copies the body, so that it need not stay where it is.
CURLcode ccs_set_body(CURL *easy, const void *bytes, size_t count);

/// Receives bytes of a body or one header line; anything but `size * count` ends the transfer with an error.
typedef size_t (*ccs_receiver)(char *bytes, size_t size, size_t count, void *context);
CURLcode ccs_set_receiver(CURL *easy, CURLoption option, ccs_receiver receiver);

CURLMcode ccs_multi_set_long(CURLM *multi, CURLMoption option, long value);

/// 0 when there is no answer.
long ccs_response_code(CURL *easy);
/// Connections that the transfer had to open; 0 when it reused one.
long ccs_connections_opened(CURL *easy);

/// The next transfer that has ended, with its outcome; NULL when there is none.
CURL *ccs_next_finished(CURLM *multi, CURLcode *outcome);

#endif
