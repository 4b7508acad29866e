/*
 * A server's discovery documents in the order in which they are asked for, divided by form feeds: what is found is a
 * version that the kind's row names.
 */
#include <string.h>

#include "fuzz.h"

#include "base/str.h"
#include "doc/doc.h"
#include "kube/discovery.h"
#include "mesh/mesh.h"

static void check_found(const struct kube_kind *kind, const char *version)
{
    bool known = !version;

    for (size_t v = 0; v < KUBE_VERSIONS_MAX && kind->versions[v].name; v++)
        known = known || str_eq(kind->versions[v].name, version);
    MUST(known);
}

static void definitions(const json_t *document)
{
    for (size_t i = 0; i < mesh_kinds.len; i++)
        check_found(&mesh_kinds.rows[i], kube_definition_version(document, &mesh_kinds.rows[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    bool desired[KIND_COUNT];
    _cleanup_kube_discovery_ struct kube_discovery *d = NULL;
    const char *path, *git_version;
    int major, minor;

    memset(desired, true, sizeof(desired));
    d = kube_discovery_new(&mesh_kinds, desired, true);
    while (in.left && (path = kube_discovery_next(d))) {
        struct fuzz_input ahead = in;
        _cleanup_json_ json_t *document = fuzz_next_json(&ahead);
        size_t len;
        _cleanup_free_ char *body = fuzz_next(&in, &len);
        struct err e;

        definitions(document);
        if (kube_discovery_answer(d, path, body, len, &e) < 0)
            MUST(*e.text);
    }
    while ((path = kube_discovery_next(d)))
        kube_discovery_absent(d, path);
    MUST(kube_discovery_done(d));
    for (size_t i = 0; i < mesh_kinds.len; i++)
        check_found(&mesh_kinds.rows[i], kube_discovery_version(d, &mesh_kinds.rows[i]));
    git_version = kube_discovery_server(d, &major, &minor);
    MUST(!git_version || (major >= 0 && minor >= 0));
    return 0;
}
