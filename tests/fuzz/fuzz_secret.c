/*
 * Any JSON as a Secret: with a remote cluster's kubeconfig, and with the
 * webhook's certificate. What it may not do does not get through.
 */
#include "fuzz.h"

#include "base/str.h"
#include "doc/doc.h"
#include "net/certificate.h"
#include "reconcile/kubeconfig_secret.h"
#include "serve/webhook.h"

static void read_kubeconfig(const json_t *secret)
{
    _cleanup_kube_config_ struct kube_config *config = NULL;
    struct err e;

    if (kubeconfig_secret_read(secret, &config, &e) < 0) {
        MUST(*e.text);
        return;
    }
    MUST(config->server && config->namespace && config->source);
    MUST(!config->exec && !config->ca_file && !config->client_cert_file && !config->client_key_file);
    MUST(!config->token_file && !config->proxy_url && !config->insecure_skip_tls_verify);
}

static void read_certificate(const json_t *secret)
{
    _cleanup_certificate_ struct certificate c = {0};
    _cleanup_free_ char *authorities = webhook_read_authorities(secret);
    struct err e;

    if (webhook_read_secret(secret, &c, &e) < 0)
        MUST(*e.text);
    else
        MUST(c.cert && c.key && c.ca && str_eq(c.ca, authorities));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_json_ json_t *secret = fuzz_next_json(&in);

    if (!secret)
        return 0;
    read_kubeconfig(secret);
    read_certificate(secret);
    return 0;
}
