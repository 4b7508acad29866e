#include "mesh/gateway_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"

#define ANNOTATION(name) "gateway.networking.k8s.io/" name
#define WORD_MAX 40

/* One word of text that users write. */
static char *word(const json_t *definition, const char *annotation)
{
    const char *text = str_or(doc_string(definition, "metadata", "annotations", annotation), "");
    size_t len = strcspn(text, " \t\r\n");

    return str_dup_n(text, str_cut(text, len < WORD_MAX ? len : WORD_MAX));
}

char *mesh_gateway_api_digest(const json_t *definition)
{
    _cleanup_free_ char *version = word(definition, ANNOTATION("bundle-version"));
    _cleanup_free_ char *channel = word(definition, ANNOTATION("channel"));

    return str_printf("%s %s", version, channel);
}

struct gateway_api mesh_gateway_api_read(const char *digest)
{
    size_t len = strcspn(digest, " ");

    return (struct gateway_api){str_dup_n(digest, len), str_dup(digest[len] ? digest + len + 1 : "")};
}

void mesh_gateway_api_release(struct gateway_api *api)
{
    free(api->version);
    free(api->channel);
    *api = (struct gateway_api){0};
}

/* Of "v1.5.1" 1 and 5. False where it is no version. */
static bool parse(const char *version, int64_t *ret_major, int64_t *ret_minor)
{
    _cleanup_strv_ char **parts = str_split(version + (*version == 'v'), '.');

    return strv_len(parts) >= 2 && str_to_int64(parts[0], ret_major) && str_to_int64(parts[1], ret_minor);
}

bool mesh_gateway_api_ignores(const struct gateway_api_kind *row, const struct gateway_api *api)
{
    int64_t major = 0, minor = 0;
    bool known = parse(api->version, &major, &minor);
    bool newer = known && (major > row->major || (major == row->major && minor >= row->minor));

    if (row->until)
        return newer || !known;
    return !newer && !str_eq(api->channel, "standard");
}
