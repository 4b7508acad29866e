/* What the record says. A client that may write ConfigMaps may have changed it. */
#include <string.h>

#include "controllers/canary/canary_impl.h"
#include "doc/doc.h"

json_t *canary_recorded_map(const char *text)
{
    json_t *value = NULL;

    if (!text || doc_parse(text, strlen(text), SIZE_MAX, &value, NULL) < 0)
        return NULL;
    return json_is_object(value) ? value : (json_decref(value), NULL);
}

bool canary_record_is_sound(const json_t *record)
{
    static const char *const documents[] = {
        RECORD_TEMPLATE, RECORD_PREVIOUS_TEMPLATE, RECORD_LABELS, RECORD_ROUTE, RECORD_REF};
    const json_t *data = doc_at(record, "data");

    if (!doc_string(data, RECORD_REVISION) || !doc_string(data, RECORD_TEMPLATE))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        _cleanup_json_ json_t *value = canary_recorded_map(doc_string(data, documents[i]));
        if (json_object_get(data, documents[i]) && !value)
            return false;
    }
    return true;
}

json_t *canary_recorded_labels(const struct canary *c)
{
    json_t *labels = json_copy(doc_at(c->primary, "spec", "selector", "matchLabels"));

    json_object_del(labels, CANARY_ROLE);
    return json_object_size(labels)
               ? labels
               : (json_decref(labels), canary_recorded_map(doc_string(c->record, "data", RECORD_LABELS)));
}

static int count_at(const json_t *data, const char *key, int otherwise)
{
    int64_t count;

    if (!str_to_int64(str_or(doc_string(data, key), ""), &count) || count < 0 || count > INT32_MAX)
        return otherwise;
    return (int)count;
}

int canary_recorded_replicas(const json_t *data)
{
    return count_at(data, RECORD_REPLICAS, 1);
}

int canary_recorded_floor(const json_t *data)
{
    return count_at(data, RECORD_FLOOR, 0);
}
