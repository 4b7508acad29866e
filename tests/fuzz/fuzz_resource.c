/*
 * Any JSON as each of our custom resources, and an Istio that is good as the objects of its mesh: mistakes are reported
 * and bounded, and the same resource gives the same objects.
 */
#include "controllers/resources.h"
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "controllers/mesh/mesh_desired.h"
#include "doc/doc.h"

/* No resource's struct is larger. */
#define SPEC_MAX_BYTES 16384

static void parse_as(const struct api_resource *r, const json_t *resource)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_free_ void *spec = mem_new0(1, SPEC_MAX_BYTES);
    int result = api_parse(r, resource, NULL, spec, SPEC_MAX_BYTES, &problems);

    MUST((result < 0) == (problems.errors > 0) && problems.len <= PROBLEMS_MAX);
    for (size_t i = 0; i < problems.len; i++)
        MUST(*problems.items[i].text && strlen(problems.items[i].path) <= PROBLEM_PATH_MAX);
    problems_text(&problems, PROBLEM_ERROR, PROBLEMS_SEPARATOR, &text);
    if (result == 0)
        field_release(api_edition_of(r, NULL, NULL).form->spec, spec);
}

static struct desired_set *build(const json_t *resource)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    const char *versions[KIND_COUNT];

    mesh_versions_for(20, versions);
    return mesh_desired_objects(resource, 20, versions, &problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_json_ json_t *resource = fuzz_next_json(&in);
    _cleanup_desired_ struct desired_set *set = NULL, *again = NULL;

    if (!resource)
        return 0;
    for (const struct api_resource *const *r = api_resources; *r; r++)
        parse_as(*r, resource);
    if (!doc_string(resource, "metadata", "namespace") || !(set = build(resource)))
        return 0;
    again = build(resource);
    MUST(again && again->len == set->len);
    for (size_t i = 0; i < set->len; i++)
        MUST(set->items[i].hash == again->items[i].hash && *set->items[i].name);
    return 0;
}
