/*
 * The objects of the operator's own admission webhook: its ValidatingWebhookConfiguration, and the Secret with its
 * certificate. Pure: how they look, and what is missing in the existing ones.
 */
#ifndef SERVE_WEBHOOK_H
#define SERVE_WEBHOOK_H

#include <jansson.h>
#include <stdbool.h>

#include "kube/kind.h"
#include "mesh/operator.h"
#include "net/certificate.h"

#define WEBHOOK_CONFIGURATION "istio-operator"
#define WEBHOOK_NAME "validation.istio-operator.banzaicloud.io"
#define WEBHOOK_PATH "/validate"

/* The two kinds, for watches. */
extern const struct kube_kind_table webhook_kinds;
#define WEBHOOK_KIND_SECRET (&webhook_kinds.rows[0])
#define WEBHOOK_KIND_CONFIGURATION (&webhook_kinds.rows[1])

/*
 * The configuration, in the API version `version`, with the fields that Kubernetes 1.`minor` knows. Either `url` is
 * called, or where it is NULL the operator's Service in `ns`. Without `ca` (PEM) the operator fills it in when it runs.
 * Owned by the caller.
 */
json_t *webhook_configuration(const char *version, int minor, const char *ns, const char *url, const char *ca);

/* Whether the existing configuration has the operator's webhook; without it the API server calls none. */
bool webhook_is_configured(const json_t *live);
/*
 * The merge patch that brings the authorities (and the URL, where it is not NULL) into the existing configuration; NULL
 * if it has them already. Other changes by the user stay. Owned by the caller.
 */
json_t *webhook_patch(const json_t *live, const char *url, const char *ca);

/*
 * A Secret with the certificate: the existing one with other data, or a new one (`live` NULL). It holds a private key.
 */
json_t *webhook_secret(const json_t *live, const char *ns, const struct certificate *certificate);
/* The certificate in a Secret. ERR_INVALID where it is none. */
int webhook_read_secret(const json_t *secret, struct certificate *ret, struct err *e);
/* The bundle of authorities in a Secret, even if its certificate is invalid; owned by the caller; NULL: none. */
char *webhook_read_authorities(const json_t *secret);

/* The names that the certificate has to cover, ending with NULL: those of the Service, and the URL's host. */
char **webhook_names(const char *ns, const char *url);
/* ERR_USAGE where it is no https:// URL with a host. */
int webhook_check_url(const char *url, struct err *e);

#endif
