#include "controllers/mesh/kept.h"

#include <string.h>

#include "api/status.h"
#include "base/release.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "mesh/mesh.h"

json_t *kept_value_at(const json_t *document, const char *path)
{
    _cleanup_strv_ char **names = str_split(path, '.');

    for (char **name = names; *name; name++)
        document = json_object_get(document, *name);
    return json_is_null(document) ? NULL : (json_t *)document;
}

/* Copies the maps on the way, which others may share. Nothing is set where something else than a map is there. */
static void set_at(json_t *document, const char *path, const char *value)
{
    _cleanup_strv_ char **names = str_split(path, '.');

    for (char **name = names; *name; name++) {
        json_t *next = json_object_get(document, *name);
        if (!name[1])
            json_object_set_new(document, *name, doc_parse_own(value));
        if (!name[1] || (next && !json_is_null(next) && !json_is_object(next)))
            break;
        next = json_is_object(next) ? json_copy(next) : json_object();
        json_object_set_new(document, *name, next);
        document = next;
    }
}

/* Whether the mesh keeps the old default in `version`: it had an older release last, or kept it before. */
static bool is_kept(const json_t *resource, const struct mesh_changed_default *row, const char *version)
{
    const json_t *status = doc_at(resource, "status");
    const char *installed = doc_string(status, STATUS_FIELD_VERSION);

    if (release_compare(row->since, version) > 0 || kept_value_at(resource, row->field))
        return false;
    return doc_find(doc_at(status, STATUS_FIELD_KEPT_DEFAULTS), "field", row->field) ||
           (mesh_release_find(installed) && release_compare(installed, row->since) < 0);
}

static const struct mesh_changed_default *rows_of(const char *version)
{
    const struct mesh_release *release = mesh_release_find(version);

    return release ? release->line->changed : NULL;
}

/* Until another version is there as a whole, what the present one keeps is not forgotten. */
json_t *kept_defaults(const json_t *resource, const char *to)
{
    const char *installed = doc_string(doc_at(resource, "status"), STATUS_FIELD_VERSION);
    const char *newest = mesh_release_find(installed) && release_compare(installed, to) > 0 ? installed : to;
    json_t *list = json_array();

    for (const struct mesh_changed_default *row = rows_of(newest); row && row->field; row++)
        if (is_kept(resource, row, newest))
            json_array_append_new(
                list,
                OBJECT(
                    STRING("field", row->field),
                    STRING("value", row->old_default),
                    STRING("newDefault", row->new_default)));
    return list;
}

json_t *kept_apply(const json_t *resource, const char *version)
{
    json_t *copy = json_copy((json_t *)resource);

    for (const struct mesh_changed_default *row = rows_of(version); row && row->field; row++)
        if (is_kept(resource, row, version))
            set_at(copy, row->field, row->old_default);
    return copy;
}
