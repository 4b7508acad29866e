#include "reconcile/kubeconfig_secret.h"

#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/doc.h"

/* What KUBE_CONFIG_MAX_BYTES become in base64. */
#define ENCODED_MAX_BYTES (KUBE_CONFIG_MAX_BYTES / 3 * 4 + 4)

/* The only key of the data, and its value in base64. Both are borrowed. */
static int find_data(const json_t *secret, const char *name, const char **ret_key, const char **ret_text, struct err *e)
{
    json_t *data = doc_at(secret, "data");
    void *only = json_object_iter(data);

    if (json_object_size(data) != 1)
        return err_set(
            e,
            ERR_INVALID,
            "%s: data: must have one key, with the kubeconfig, but has %zu",
            name,
            json_object_size(data));
    *ret_key = json_object_iter_key(only);
    *ret_text = json_string_value(json_object_iter_value(only));
    if (!*ret_text || !**ret_text)
        return err_set(e, ERR_INVALID, "%s: data.%s: must be a kubeconfig in base64, but is empty", name, *ret_key);
    if (strlen(*ret_text) > ENCODED_MAX_BYTES)
        return err_set(
            e,
            ERR_LIMIT,
            "%s: data.%s: is too large for a kubeconfig, at most %d bytes are read",
            name,
            *ret_key,
            KUBE_CONFIG_MAX_BYTES);
    return 0;
}

int kubeconfig_secret_read(const json_t *secret, struct kube_config **ret, struct err *e)
{
    _cleanup_free_ char *name = str_printf(
        "Secret %s/%s",
        str_or(doc_string(secret, "metadata", "namespace"), ""),
        str_or(doc_string(secret, "metadata", "name"), ""));
    _cleanup_free_ char *place = NULL;
    const char *key = NULL, *encoded = "";
    char *text;
    size_t len;
    int result;

    if (find_data(secret, name, &key, &encoded, e) < 0)
        return -1;
    place = str_printf("%s: data.%s", name, key);
    if (!base64_decode(encoded, strlen(encoded), &text, &len))
        return err_set(e, ERR_INVALID, "%s: must be base64 (with padding)", place);
    result = kube_config_parse(place, text, len, NULL, KUBE_CONFIG_FOREIGN, ret, e);
    mem_free_secret(text, len);
    return result;
}
