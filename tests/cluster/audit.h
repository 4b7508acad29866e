/*
 * What the API server wrote down of the operator's requests (its audit log, one JSON document a line).
 */
#ifndef TESTS_CLUSTER_AUDIT_H
#define TESTS_CLUSTER_AUDIT_H

#include <jansson.h>
#include <stdbool.h>

/* Whether there is a log: TEST_AUDIT_LOG names it. */
bool audit_is_on(void);
/* Its length now, to read from later; and that of another server's log. */
long audit_position(void);
long audit_position_of(const char *file);
/*
 * Calls `each` for every request of the operator's account behind `position` that was answered, or begins to be
 * (watches):
 * {"verb", "objectRef": {"apiGroup", "resource", "subresource", "namespace", "name"}, "responseStatus": {"code"}}.
 */
void audit_read(long position, void (*each)(void *context, const json_t *entry), void *context);
/* The account of an operator that comes from another cluster. */
#define REMOTE_ACCOUNT "istio-operator-remote"
/* The same of any account of the operator's namespace. */
void audit_read_as(const char *account, long position, void (*each)(void *context, const json_t *entry), void *context);
/* The same in the log of another server. */
void audit_read_file(
    const char *file, const char *account, long position, void (*each)(void *context, const json_t *entry),
    void *context);
/* An `each`: adds " verb resource namespace/name" of every write to a struct buf. */
void audit_note_write(void *writes, const json_t *entry);

#endif
