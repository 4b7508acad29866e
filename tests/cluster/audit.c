#include "audit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "harness.h"

bool audit_is_on(void)
{
    return getenv("TEST_AUDIT_LOG") != NULL;
}

long audit_position(void)
{
    return audit_position_of(getenv("TEST_AUDIT_LOG"));
}

long audit_position_of(const char *file)
{
    FILE *f = fopen(file, "re");
    long position;

    if (!f)
        return 0;
    fseek(f, 0, SEEK_END);
    position = ftell(f);
    fclose(f);
    return position;
}

void audit_read(long position, void (*each)(void *context, const json_t *entry), void *context)
{
    audit_read_as(OPERATOR_ACCOUNT, position, each, context);
}

void audit_read_as(const char *account, long position, void (*each)(void *context, const json_t *entry), void *context)
{
    audit_read_file(getenv("TEST_AUDIT_LOG"), account, position, each, context);
}

void audit_note_write(void *writes, const json_t *entry)
{
    const char *verb = doc_string(entry, "verb");
    const json_t *object = doc_at(entry, "objectRef");

    if (str_eq(verb, "get") || str_eq(verb, "list") || str_eq(verb, "watch"))
        return;
    buf_printf(
        writes,
        " %s %s %s/%s",
        verb,
        str_or(doc_string(object, "resource"), "something"),
        str_or(doc_string(object, "namespace"), ""),
        str_or(doc_string(object, "name"), ""));
}

void audit_read_file(
    const char *file, const char *account, long position, void (*each)(void *context, const json_t *entry),
    void *context)
{
    _cleanup_free_ char *user = str_printf("system:serviceaccount:" NS ":%s", account);
    FILE *f = fopen(file, "re");
    char *line = NULL;
    size_t cap = 0;

    if (!f)
        return;
    fseek(f, position, SEEK_SET);
    for (ssize_t len; (len = getline(&line, &cap, f)) > 0;) {
        _cleanup_json_ json_t *entry = NULL;
        if (line[len - 1] != '\n' || doc_parse(line, (size_t)len, SIZE_MAX, &entry, NULL) < 0)
            continue; /* a line that is being written */
        if (str_eq(doc_string(entry, "user", "username"), user) &&
            !str_eq(doc_string(entry, "stage"), "RequestReceived"))
            each(context, entry);
    }
    free(line);
    fclose(f);
}
