/* Certificates for tests, made when they are asked for: nothing expires in the repository. */
#ifndef TEST_KUBE_CERTS_H
#define TEST_KUBE_CERTS_H

struct certs {
    char *cert, *key; /* PEM; owned */
};

/* Self-signed, a CA, good for `name` (a DNS name) and 127.0.0.1. */
struct certs certs_make(const char *name);
void certs_release(struct certs *c);

#endif
