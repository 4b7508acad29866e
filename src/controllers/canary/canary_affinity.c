#include "controllers/canary/canary_affinity.h"

#include <inttypes.h>
#include <string.h>

#include "api/rows.h"
#include "base/str.h"
#include "doc/doc.h"

#define DEFAULT_MAX_AGE 86400

/* Neither these nor the values need be escaped in a regular expression or in a header of Envoy. */
static const struct field_format format_cookie = {
    .noun = "cookie name",
    .words = "letters, digits, - and _",
    .pattern = "^[A-Za-z0-9_-]+$",
    .max_length = 128,
};
static const struct field_format format_domain = {
    .noun = "domain",
    .words = "a domain (shop.example)",
    .pattern = "^[A-Za-z0-9.-]+$",
    .max_length = 253,
};
static const struct field_format format_path = {
    .noun = "path",
    .words = "a path of letters, digits and ._~-, from / on",
    .pattern = "^/[A-Za-z0-9/._~-]*$",
    .max_length = 256,
};

static const char *const names[] = {[COOKIE_CANARY] = "cookieName", [COOKIE_PRIMARY] = "primaryCookieName"};

static const struct field affinity_rows[] = {
    {"cookieName",
     TEXT(format_cookie),
     .required = true,
     .doc = "The cookie of clients that were routed to the new version, and stay there until the release ends."},
    {"primaryCookieName",
     TEXT(format_cookie),
     .doc = "The cookie of those that were routed to the primary, and stay there until the weight grows. Without it "
            "each of their requests may be the first one at the new version."},
    {"maxAge", INTEGER(1, 31536000), .implied = "86400", .doc = "How long clients keep them, in seconds."},
    {"domain", TEXT(format_domain), .doc = "The domain to which clients send them, where it is not the host alone."},
    {"path", TEXT(format_path), .implied = "/", .doc = "Below which path clients send them."},
    {"httpOnly", FLAG, .implied = "false", .doc = "Whether scripts do not see them."},
    {"secure", FLAG, .implied = "false", .doc = "Whether clients send them over HTTPS alone."},
    {"partitioned",
     FLAG,
     .implied = "false",
     .doc = "Whether each site that embeds this one has its own; needs `secure`."},
    {"sameSite",
     CHOICE("Strict", "Lax", "None"),
     .doc = "Whether other sites' requests have them; None needs `secure`."},
};

static void check_affinity(const json_t *affinity, const char *path, struct problems *problems)
{
    bool needs_secure =
        str_eq(doc_string(affinity, "sameSite"), "None") || doc_bool(doc_at(affinity, "partitioned"), false);

    if (str_eq(doc_string(affinity, names[COOKIE_CANARY]), doc_string(affinity, names[COOKIE_PRIMARY])))
        problems_add(problems, PROBLEM_ERROR, path, "must have a primaryCookieName that is not its cookieName");
    if (needs_secure && !doc_bool(doc_at(affinity, "secure"), false))
        problems_add(problems, PROBLEM_ERROR, path, "must have secure: true with sameSite None, or partitioned");
}

const struct field_table canary_affinity_table = {
    .name = "Session affinity",
    .doc = "Cookies by which clients stay where they were routed while the weight grows.",
    FIELD_ROWS(affinity_rows),
    .check = check_affinity,
};

bool canary_has_cookie(const json_t *affinity, enum canary_cookie which)
{
    return doc_string(affinity, names[which]);
}

/* NAME=VALUE, owned by the caller. */
static char *cookie(const json_t *affinity, enum canary_cookie which, const struct canary_session *s)
{
    /* Who is at the primary is asked again at each weight. */
    _cleanup_free_ char *of =
        str_printf("%s/%" PRId64 "/%d", s->revision, s->release, which == COOKIE_PRIMARY ? s->weight : 0);

    return str_printf("%s=%016" PRIx64, doc_string(affinity, names[which]), str_hash(of, strlen(of)));
}

json_t *canary_cookie_match(const json_t *affinity, enum canary_cookie which, const struct canary_session *s)
{
    _cleanup_free_ char *text =
        s ? cookie(affinity, which, s) : str_printf("%s=[^;]*", doc_string(affinity, names[which]));
    _cleanup_free_ char *regex = str_printf("(.*; *)?%s(;.*)?", text);

    return json_pack("[{s{s{ss}}}]", "headers", "cookie", "regex", regex);
}

json_t *canary_cookie_headers(const json_t *affinity, enum canary_cookie which, const struct canary_session *s)
{
    const struct {
        const char *name, *attribute;
    } flags[] = {{"httpOnly", "HttpOnly"}, {"secure", "Secure"}, {"partitioned", "Partitioned"}};
    const char *domain = doc_string(affinity, "domain"), *same_site = doc_string(affinity, "sameSite");
    _cleanup_free_ char *value = s ? cookie(affinity, which, s) : str_printf("%s=", doc_string(affinity, names[which]));
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(
        &text,
        "%s; Path=%s; Max-Age=%" PRId64,
        value,
        str_or(doc_string(affinity, "path"), "/"),
        s ? doc_int(doc_at(affinity, "maxAge"), DEFAULT_MAX_AGE) : 0);
    if (domain)
        buf_printf(&text, "; Domain=%s", domain);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (doc_bool(doc_at(affinity, flags[i].name), false))
            buf_printf(&text, "; %s", flags[i].attribute);
    if (same_site)
        buf_printf(&text, "; SameSite=%s", same_site);
    return json_pack("{s{s{ss}}}", "response", "add", "Set-Cookie", buf_str(&text));
}
