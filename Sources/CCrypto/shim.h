#ifndef PGMAHOUT_CCRYPTO_SHIM_H
#define PGMAHOUT_CCRYPTO_SHIM_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#endif
