/* TLS of the proxy: certificates made at start, and what it demands of the server behind it. */
#ifndef TESTS_PROXY_TLS_H
#define TESTS_PROXY_TLS_H

#include <openssl/ssl.h>

#include "base/err.h"

/* For 127.0.0.1 and localhost, signed by an authority that is made for it; `ret_ca` is its PEM, owned by the caller. */
int tls_server_new(SSL_CTX **ret, char **ret_ca, struct err *e);
/* Trusts the authorities in `ca` (PEM) and no other. */
int tls_client_new(const char *ca, SSL_CTX **ret, struct err *e);

#endif
