/*
 * The certificate authority of a mesh: which Secrets hold it, and when its certificates end.
 *
 * Source: Istio 1.31, security/pkg/pki/ca/ca.go (the names), pilot/pkg/bootstrap/istio_ca.go (the format of a Secret of
 * type kubernetes.io/tls); Istio 1.0, security/pkg/pki/ca/ca.go.
 *
 * Only certificates are read: no key is decoded, kept or shown.
 */
#ifndef MESH_AUTHORITY_H
#define MESH_AUTHORITY_H

#include <jansson.h>

#include "base/clock.h"

/* The control plane's own, and the one that a user gives it instead; in the control plane's namespace. */
#define MESH_SELF_SIGNED_AUTHORITY "istio-ca-secret"
#define MESH_PLUGGED_IN_AUTHORITY "cacerts"

/* From this time before its end on, the status says that a certificate ends. */
#define MESH_CERTIFICATE_WARNING (SECONDS(1) * 60 * 60 * 24 * 60)

/* Wall time; 0: there is no such certificate that can be read. */
struct mesh_authority {
    msec_t root_end;    /* of the certificate that all trust; of several the last one to end */
    msec_t signing_end; /* of the one that signs those of the workloads; of a self-signed authority it is the root */
};

/* What is kept of such a Secret (kube_kind.digest); owned by the caller. NULL: it holds no certificates. */
char *mesh_authority_digest(const json_t *secret);
/* From such a digest. */
struct mesh_authority mesh_authority_read(const char *digest);

#endif
