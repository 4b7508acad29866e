#include <string.h>

#include "base/str.h"
#include "doc/yaml_impl.h"

#define MARK "\xef\xbb\xbf"

/* --- the text's encoding --- */

static void add_utf8(struct buf *out, uint32_t rune)
{
    unsigned char bytes[4];
    size_t len = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len - 1; i > 0; i--, rune >>= 6)
        bytes[i] = 0x80 | (rune & 0x3f);
    bytes[0] = (unsigned char)(lead[len] | rune);
    buf_add(out, bytes, len);
}

static uint32_t utf16_unit(const char *text, bool big)
{
    const unsigned char *u = (const unsigned char *)text;

    return big ? (uint32_t)u[0] << 8 | u[1] : (uint32_t)u[1] << 8 | u[0];
}

static int decode_utf16(const char *name, const char *text, size_t len, bool big, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < len; i += 2) {
        uint32_t rune = i + 2 <= len ? utf16_unit(text + i, big) : 0xd800, low = 0;
        if (rune >= 0xd800 && rune < 0xdc00 && i + 4 <= len)
            low = utf16_unit(text + i + 2, big);
        if (low >= 0xdc00 && low < 0xe000) {
            rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        }
        if (rune >= 0xd800 && rune < 0xe000)
            return err_set(e, ERR_INVALID, "%s: byte %zu: invalid UTF-16", name, i);
        add_utf8(out, rune);
    }
    return 0;
}

/* --- pieces --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A line that is "---" or "...", maybe with more behind a space. */
static bool is_marker(const char *line, size_t len, const char *marker)
{
    return len >= 3 && memcmp(line, marker, 3) == 0 && (len == 3 || is_space(line[3]));
}

static bool is_byte_order_mark(const char *text, size_t len)
{
    return len >= strlen(MARK) && memcmp(text, MARK, strlen(MARK)) == 0;
}

/* The bytes of all marks at the start: a tool may put its own before the one that is there. */
static size_t byte_order_marks(const char *text, size_t len)
{
    size_t at = 0;

    while (is_byte_order_mark(text + at, len - at))
        at += strlen(MARK);
    return at;
}

/* A comment, a directive of YAML, or nothing. */
static bool is_prologue(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_space(line[i]))
            return line[i] == '#' || (i == 0 && line[i] == '%');
    return true;
}

/*
 * The piece at the start of `text`: to the line before which another document begins. "---" belongs to what comes
 * behind it, and so do the directives before it; "..." to what comes before it.
 */
static size_t piece_len(const char *text, size_t len)
{
    bool begun = false;

    for (size_t at = 0; at < len;) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t line_len = end ? (size_t)(end - line) + 1 : len - at;
        if (at && is_byte_order_mark(line, len - at))
            return at;
        if (is_marker(line, line_len, "---") && begun)
            return at;
        if (is_marker(line, line_len, "..."))
            return at + line_len;
        begun |= !is_prologue(line, line_len);
        at += line_len;
    }
    return len;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Files that were joined without a line end between them leave a mark where YAML does not look for one. */
static void explain_mark(const struct doc_piece *p, size_t in_line, struct err *e)
{
    const char *line = p->text, *end = p->text + p->len;
    _cleanup_free_ char *text = str_dup(e->text);

    for (size_t i = p->line + 1; i < in_line && line < end; i++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        line = next ? next + 1 : end;
    }
    for (; line < end && *line != '\n'; line++) {
        if (!is_byte_order_mark(line, (size_t)(end - line)))
            continue;
        err_set(e, e->class, "%s; a byte order mark is inside the line, the file before it has no line end", text);
        return;
    }
}

/* What begins as JSON and is none is read as YAML. */
static int read_piece(const struct doc_piece *p, size_t *expansion_left, struct yaml_documents *docs, struct err *e)
{
    enum json_likeness likeness = json_likeness(p);
    struct err json_why = {0}, yaml_why = {0};
    size_t len = docs->len, line = 0;

    if (likeness && json_read_piece(p, docs, &json_why) == 0)
        return 0;
    yaml_documents_truncate(docs, len);
    if (json_why.class != ERR_LIMIT && yaml_read_piece(p, expansion_left, docs, &line, &yaml_why) == 0)
        return 0;
    explain_mark(p, line, &yaml_why);
    if (e)
        *e =
            json_why.class == ERR_LIMIT || (likeness == JSON_SURE && yaml_why.class != ERR_LIMIT) ? json_why : yaml_why;
    return -1;
}

static int read_pieces(struct doc_piece *p, const char *text, size_t len, size_t expansion, struct yaml_documents *docs,
                       struct err *e)
{
    while (len) {
        size_t mark = byte_order_marks(text, len), taken = mark + piece_len(text + mark, len - mark);
        p->text = text + mark;
        p->len = taken - mark;
        if (read_piece(p, &expansion, docs, e) < 0)
            return -1;
        p->line += count_lines(text, taken);
        text += taken;
        len -= taken;
    }
    return 0;
}

static int parse_text(const char *name, bool secret, const char *text, size_t len, size_t max_bytes,
                      struct yaml_documents *ret, struct err *e)
{
    struct doc_piece piece = {.name = str_eq(name, "-") ? "standard input" : name, .secret = secret};
    bool little = len >= 2 && memcmp(text, "\xff\xfe", 2) == 0, big = len >= 2 && memcmp(text, "\xfe\xff", 2) == 0;
    struct yaml_documents docs = {0};
    struct buf decoded = BUF_INIT;
    int r = 0;

    if (len > max_bytes)
        return err_set(e, ERR_LIMIT, "%s: %zu bytes, at most %zu are read", piece.name, len, max_bytes);
    if (little || big) {
        r = decode_utf16(piece.name, text, len, big, &decoded, e);
        text = buf_str(&decoded);
        len = decoded.len;
    }
    if (r == 0)
        r = read_pieces(&piece, text, len, max_bytes, &docs, e);
    buf_release_secret(&decoded);
    if (r < 0)
        yaml_documents_release(&docs);
    else
        *ret = docs;
    return r;
}

int yaml_parse(const char *name, const char *text, size_t len, size_t max_bytes, struct yaml_documents *ret,
               struct err *e)
{
    return parse_text(name, false, text, len, max_bytes, ret, e);
}

int yaml_parse_secret(const char *name, const char *text, size_t len, size_t max_bytes, struct yaml_documents *ret,
                      struct err *e)
{
    return parse_text(name, true, text, len, max_bytes, ret, e);
}
