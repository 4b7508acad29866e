#include "reconcile/newest.h"

#include <string.h>

#include "base/release.h"
#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/marks.h"

static bool has_value(const json_t *list, const json_t *value)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)list, i, item)
        if (doc_equal(item, value))
            return true;
    return false;
}

/* Whether the live schema has a field or a value of an enum that the desired one has not, wherever both have a place.
 * What the server keeps is nested no deeper than a document may be. */
static bool has_more(const json_t *desired, const json_t *live)
{
    static const char *const within[] = {"items", "additionalProperties"};
    const json_t *wanted = json_object_get(desired, "properties");
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach(json_object_get(live, "properties"), name, value)
        if (!json_object_get(wanted, name) || has_more(json_object_get(wanted, name), value))
            return true;
    for (i = 0; i < ARRAY_LEN(within); i++)
        if (json_is_object(json_object_get(desired, within[i])) &&
            has_more(json_object_get(desired, within[i]), json_object_get(live, within[i])))
            return true;
    if (json_object_get(desired, "enum"))
        json_array_foreach(json_object_get(live, "enum"), i, value)
            if (!has_value(json_object_get(desired, "enum"), value))
                return true;
    return false;
}

/* How stable a version of an API is: v2, v1, then any beta, any alpha, anything else. */
static int64_t rank(const char *version)
{
    enum { OTHER, ALPHA, BETA, STABLE };
    const char *rest = version && *version == 'v' ? version + 1 + strspn(version + 1, "0123456789") : version;
    int64_t number;

    if (!version || rest == version || rest == version + 1)
        return OTHER;
    if (str_starts(rest, "alpha"))
        return ALPHA;
    if (str_starts(rest, "beta"))
        return BETA;
    return str_to_int64(version + 1, &number) ? STABLE + number : OTHER;
}

static int64_t best_rank(const json_t *definition)
{
    int64_t best = rank(doc_string(definition, "spec", "version"));
    json_t *version;
    size_t i;

    json_array_foreach(doc_at(definition, "spec", "versions"), i, version) {
        int64_t found = rank(doc_string(version, "name"));
        best = found > best ? found : best;
    }
    return best;
}

/* Of apiextensions v1, and of v1beta1 with one version: that one has no schema to compare. */
static bool has_newer_content(const json_t *desired, const json_t *live)
{
    const json_t *versions = doc_at(desired, "spec", "versions");
    int64_t best = best_rank(desired);
    json_t *version;
    size_t i;

    json_array_foreach(doc_at(live, "spec", "versions"), i, version) {
        const char *name = doc_string(version, "name");
        const json_t *same = doc_find((json_t *)versions, "name", str_or(name, ""));
        if (!same && rank(name) > best)
            return true;
        if (same && has_more(doc_at(same, "schema", "openAPIV3Schema"), doc_at(version, "schema", "openAPIV3Schema")))
            return true;
    }
    return false;
}

bool newest_is_live(const json_t *desired, const json_t *live, bool applied)
{
    const char *own = doc_string(desired, "metadata", "labels", MARK_RELEASE);
    const char *observed = doc_string(live, "metadata", "labels", MARK_RELEASE);
    int order = release_compare(observed, own);

    if (order > 0)
        return true;
    if (order < 0 && release_is(observed) && !applied)
        return false;
    return has_newer_content(desired, live);
}
