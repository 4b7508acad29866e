/*
 * How the injector annotates the Pods to which it adds a sidecar.
 *
 * Source: Istio 1.0, pilot/pkg/kube/inject/webhook.go (sidecarTemplateVersionHash: the SHA-256 of the template before
 * it is executed, in hexadecimal) and inject.go (annotation sidecar.istio.io/status: {version, initContainers, ...}).
 */
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "doc/yaml.h"
#include "mesh/v1/v1.h"

#define STATUS_ANNOTATION "sidecar.istio.io/status"
#define STATUS_MAX ((size_t)64 * 1024)
#define CONFIG_MAX ((size_t)1024 * 1024)
/* Digits of the hash: enough to tell one mesh's templates apart, and a third of the memory. */
#define VERSION_LEN 16

char *v1_sidecar_version_of_pod(const json_t *pod)
{
    const char *text = doc_string(pod, "metadata", "annotations", STATUS_ANNOTATION);
    _cleanup_json_ json_t *status = NULL;
    const char *version;

    if (!text || doc_at(pod, "metadata", "deletionTimestamp"))
        return NULL;
    if (doc_parse(text, strlen(text), STATUS_MAX, &status, NULL) < 0)
        return str_dup("unknown");
    version = doc_string(status, "version");
    /* Releases of istiod write a revision instead. */
    if (!version && doc_at(status, "revision"))
        return NULL;
    version = str_or(version, "unknown");
    return str_dup_n(version, str_cut(version, VERSION_LEN));
}

char *v1_sidecar_version_of_config(const json_t *config_map)
{
    const char *text = doc_string(config_map, "data", "config"), *template;
    struct yaml_documents documents;
    char digest[65], *version = NULL;

    if (!text || yaml_parse("config", text, strlen(text), CONFIG_MAX, &documents, NULL) < 0)
        return NULL;
    template = documents.len == 1 ? doc_string(documents.items[0].value, "template") : NULL;
    if (template) {
        str_sha256_hex(template, strlen(template), digest);
        version = str_dup_n(digest, VERSION_LEN);
    }
    yaml_documents_release(&documents);
    return version;
}
