/* Any text as a kubeconfig, of one's own and of another client: what a foreign one may not do does not get through. */
#include "fuzz.h"

#include <strings.h>

#include "base/str.h"
#include "kube/config.h"
#include "net/credentials.h"

static struct kube_config *read_config(const uint8_t *data, size_t size, enum kube_config_trust trust)
{
    struct kube_config *config;
    struct err e;

    if (kube_config_parse("input", (const char *)data, size, NULL, trust, &config, &e) < 0)
        return NULL;
    MUST(config->server && strncasecmp(config->server, "http", 4) == 0 && config->namespace && config->source);
    MUST(!config->token || net_token_check(config->token, NULL) == 0);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_kube_config_ struct kube_config *local = read_config(data, size, KUBE_CONFIG_LOCAL);
    _cleanup_kube_config_ struct kube_config *foreign = read_config(data, size, KUBE_CONFIG_FOREIGN);
    _cleanup_kube_config_ struct kube_config *copy = NULL;

    if (!foreign)
        return 0;
    MUST(local && str_eq(local->server, foreign->server));
    MUST(!foreign->exec && !foreign->ca_file && !foreign->client_cert_file && !foreign->client_key_file);
    MUST(!foreign->token_file && !foreign->proxy_url && !foreign->insecure_skip_tls_verify);
    copy = kube_config_copy(foreign);
    MUST(str_eq(copy->server, foreign->server) && str_eq(copy->token, foreign->token));
    return 0;
}
