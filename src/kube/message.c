#include "kube/message.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* A Go value or a string of more bytes is shortened; of a string so many stay. */
enum { DUMP_MAX = 160, STRING_KEPT = 100 };
#define CUT "..."
/* What is behind is cut in any case; no honest server sends more. */
#define READ_MAX ((size_t)64 * 1024)

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "0xc0124742a0" */
static size_t pointer_at(const char *s, char before)
{
    size_t len;

    if (is_word(before) || s[0] != '0' || s[1] != 'x')
        return 0;
    len = strspn(s + 2, "0123456789abcdef");
    return len >= 6 ? 2 + len : 0;
}

/* A UUID that is no part of a name. */
static size_t uuid_at(const char *s, char before)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    size_t at = 0;

    if (is_word(before) || before == '-')
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (i && s[at++] != '-')
            return 0;
        if (strspn(s + at, "0123456789abcdefABCDEF") != groups[i])
            return 0;
        at += groups[i];
    }
    return is_word(s[at]) || s[at] == '-' ? 0 : at;
}

/* "1m3.52s", "10.001ms": one with a fraction was measured and not configured. */
static size_t duration_at(const char *s, char before)
{
    static const char *const units[] = {"h", "ms", "m", "ns", "us", "\xc2\xb5s", "s"};
    size_t at = 0;
    bool fraction = false;

    if (is_word(before) || before == '.')
        return 0;
    while (digits(s + at)) {
        size_t len = digits(s + at), unit = 0;
        if (s[at + len] == '.' && digits(s + at + len + 1)) {
            len += 1 + digits(s + at + len + 1);
            fraction = true;
        }
        while (unit < ARRAY_LEN(units) && !str_starts(s + at + len, units[unit]))
            unit++;
        if (unit == ARRAY_LEN(units))
            return 0;
        at += len + strlen(units[unit]);
    }
    return fraction && !is_word(s[at]) ? at : 0;
}

/* ":53124" of "10.0.0.1:53124->10.0.0.2:443" */
static size_t port_at(const char *s, char before)
{
    size_t len = digits(s + 1);

    (void)before;
    return s[0] == ':' && len && str_starts(s + 1 + len, "->") ? 1 + len : 0;
}

static size_t skip_caseless(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strncasecmp(s, *words, strlen(*words)) == 0)
            return strlen(*words);
    return 0;
}

/* The identifier in "request id: 8f14e45f", without the words before it, whose length is *ret_words. */
static size_t identifier_at(const char *s, char before, size_t *ret_words)
{
    static const char *const names[] = {"request", "correlation", "trace", "audit", "span", NULL};
    static const char *const id[] = {" id", "-id", "_id", "id", NULL};
    size_t at, len;

    if (is_word(before) || !(at = skip_caseless(s, names)) || !(len = skip_caseless(s + at, id)))
        return 0;
    at += len;
    len = strspn(s + at, ":= \"'");
    if (!len)
        return 0;
    *ret_words = at + len;
    len = strspn(s + *ret_words, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    return strcspn(s + *ret_words, "0123456789") < len ? len : 0; /* a word is no identifier */
}

/* "2019-01-02T03:04:05.67Z", "2019-01-02 03:04:05.67 +0000 UTC m=+0.1": of that the day is enough. */
static size_t time_at(const char *s, char before)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    size_t at;

    if (is_word(before))
        return 0;
    for (at = 0; form[at]; at++)
        if (form[at] == 'd' ? !isdigit((unsigned char)s[at]) : s[at] != form[at] && !(form[at] == ' ' && s[at] == 'T'))
            return 0;
    if (s[at] == '.')
        at += 1 + digits(s + at + 1);
    if (s[at] == 'Z')
        return at + 1;
    if (s[at] == ' ' && (s[at + 1] == '+' || s[at + 1] == '-') && digits(s + at + 2) == 4)
        at++;
    if ((s[at] == '+' || s[at] == '-') && digits(s + at + 1) >= 2)
        at += 1 + strspn(s + at + 1, "0123456789:");
    if (str_starts(s + at, " UTC"))
        at += 4;
    if (str_starts(s + at, " m=+") || str_starts(s + at, " m=-"))
        at += 4 + strspn(s + at + 4, "0123456789.");
    return at;
}

/* The length of the string that begins at `s` with a quote, with both; 0: it has no end. */
static size_t string_len(const char *s)
{
    char quote = s[0];

    for (size_t i = 1; s[i]; i++) {
        if (s[i] == quote)
            return i + 1;
        if (s[i] == '\\' && quote == '"' && s[i + 1])
            i++;
    }
    return 0;
}

/* The length of a bracketed value from its "{" to its "}"; to the end of the text where that was cut before. */
static size_t braces_len(const char *s)
{
    size_t depth = 0, i = 0;

    while (s[i]) {
        size_t len = s[i] == '"' || s[i] == '`' ? string_len(s + i) : 0;
        if (len) {
            i += len;
            continue;
        }
        depth += s[i] == '{';
        depth -= s[i] == '}';
        i++;
        if (!depth)
            return i;
    }
    return i;
}

/* Whether the text ends with a Go type, or with what field errors put before a value: what follows is a value. */
static bool announces_value(const char *text, size_t len)
{
    static const char empty_interface[] = "interface {}", value[] = "value: ";
    size_t begin = len;
    bool type = false;

    if (len >= strlen(value) && memcmp(text + len - strlen(value), value, strlen(value)) == 0)
        return true;
    if (len >= strlen(empty_interface) &&
        memcmp(text + len - strlen(empty_interface), empty_interface, strlen(empty_interface)) == 0)
        return true;
    while (begin > 0 && (is_word(text[begin - 1]) || strchr(".[]*", text[begin - 1]))) {
        begin--;
        type = type || text[begin] == '.' || text[begin] == '[';
    }
    return type && begin < len && text[len - 1] != '.';
}

static bool has_pointer(const char *s, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (pointer_at(s + i, s[i - 1]))
            return true;
    return false;
}

/* How much of the text is left out, and what stands for it. */
static size_t left_out(const char *s, char before, const char **ret_instead)
{
    static const struct {
        size_t (*at)(const char *s, char before);
        const char *instead;
    } rules[] = {{pointer_at, "0x" CUT}, {uuid_at, CUT}, {duration_at, CUT}, {port_at, ":" CUT}};
    size_t len = 0;

    for (size_t i = 0; !len && i < ARRAY_LEN(rules); i++) {
        len = rules[i].at(s, before);
        *ret_instead = rules[i].instead;
    }
    return len;
}

/* A sequence of UTF-8 is not cut. */
static size_t kept_of(const char *s, size_t len)
{
    while (len && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    return len;
}

/* Where the message is read. */
struct reader {
    const char *at;
    char before;
    const char *string_end; /* behind the string that it is in; NULL: in none */
};

/* Adds what comes next, or what stands for it; how much of the message that was. */
static size_t add_next(struct buf *out, struct reader *r)
{
    const char *s = r->at, *instead;
    size_t len, words = 0;

    if ((len = left_out(s, r->before, &instead))) {
        buf_add_str(out, instead);
        return len;
    }
    if ((len = identifier_at(s, r->before, &words))) {
        buf_add(out, s, words);
        buf_add_str(out, CUT);
        return words + len;
    }
    if ((len = time_at(s, r->before))) {
        buf_add(out, s, strlen("yyyy-mm-dd"));
        return len;
    }
    if (*s == '{' && announces_value(buf_str(out), out->len) && !str_starts(s, "{}")) {
        len = braces_len(s);
        if (len > DUMP_MAX || has_pointer(s, len)) {
            buf_add_str(out, "{" CUT "}");
            return len;
        }
    }
    if (*s == '"' && (!r->string_end || s >= r->string_end)) {
        len = string_len(s);
        if (len > DUMP_MAX) {
            buf_add(out, s, kept_of(s, STRING_KEPT));
            buf_add_str(out, CUT "\"");
            return len;
        }
        r->string_end = len ? s + len : NULL;
    }
    buf_add_char(out, iscntrl((unsigned char)*s) ? ' ' : *s);
    return 1;
}

void kube_message_add(struct buf *out, const char *message)
{
    _cleanup_free_ char *text = str_dup_n(message, strnlen(message, READ_MAX));
    _cleanup_buf_ struct buf words = BUF_INIT;
    struct reader r = {.at = text, .before = ' '};

    while (*r.at && words.len <= KUBE_MESSAGE_MAX) {
        r.at += add_next(&words, &r);
        r.before = r.at[-1];
    }
    if (words.len > KUBE_MESSAGE_MAX) {
        buf_truncate(&words, kept_of(buf_str(&words), KUBE_MESSAGE_MAX - strlen(CUT)));
        buf_add_str(&words, CUT);
    }
    buf_add(out, buf_str(&words), words.len);
}
