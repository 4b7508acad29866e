#include "mesh/authority.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/doc.h"
#include "net/certificate.h"

/* The text of a key of the Secret, owned by the caller; NULL: it is missing or empty. */
static char *decoded(const json_t *secret, const char *key)
{
    const char *text = doc_string(secret, "data", key);
    char *pem;
    size_t len;

    return text && *text && base64_decode(text, strlen(text), &pem, &len) ? pem : NULL;
}

static bool has(const json_t *secret, const char *key)
{
    return *str_or(doc_string(secret, "data", key), "");
}

/* With tls.crt a Secret is of the other format. */
static char *signing_certificate(const json_t *secret)
{
    return decoded(secret, has(secret, "tls.crt") ? "tls.crt" : "ca-cert.pem");
}

static char *root_certificates(const json_t *secret)
{
    const char *key = has(secret, "tls.crt") ? "ca.crt" : "root-cert.pem";

    return has(secret, key) ? decoded(secret, key) : signing_certificate(secret);
}

char *mesh_authority_digest(const json_t *secret)
{
    _cleanup_free_ char *signing = NULL, *roots = NULL;
    msec_t first = 0, last = 0, unused;

    if (!has(secret, "ca-cert.pem") && !has(secret, "tls.crt"))
        return NULL;
    signing = signing_certificate(secret);
    roots = root_certificates(secret);
    if (!signing || !certificate_ends(signing, &first, &unused))
        first = 0;
    if (!roots || !certificate_ends(roots, &unused, &last))
        last = 0;
    return str_printf("%" PRId64 " %" PRId64, last, first);
}

struct mesh_authority mesh_authority_read(const char *digest)
{
    size_t len = strcspn(digest, " ");
    _cleanup_free_ char *root = str_dup_n(digest, len);
    struct mesh_authority read = {0};

    str_to_int64(root, &read.root_end);
    str_to_int64(digest[len] ? digest + len + 1 : "", &read.signing_end);
    return read;
}
