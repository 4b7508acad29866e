/*
 * What the operator relies on in an API server, as cases over kube_client: run against a real server
 * (tests/cluster/test_conformance.c) and against the simulated one (test_simulated.c), so that what was learned with
 * the one holds with the other. A case holds for Kubernetes 1.20 and 1.34, with its controllers running.
 *
 * Everything here fails the running test where the server does otherwise than said.
 */
#ifndef TESTS_CONFORMANCE_CONFORMANCE_H
#define TESTS_CONFORMANCE_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/doc.h"
#include "kube/client.h"
#include "wait.h"

#define SPACE "conformance"

/*
 * Runs all cases; the number of failed ones. `forget` makes the server forget versions before now; false, or NULL: it
 * cannot be made to.
 */
int conformance_run(const char *name, const struct kube_config *config, struct event_base *loop,
                    bool (*forget)(void *context), void *context);

/* The groups of cases; each ends with a NULL name. */
extern const struct CMUnitTest conformance_writes[], conformance_reads[], conformance_kinds[];

/* --- for the cases --- */

/* Kinds, in versions that a 1.20 server serves. */
enum kind {
    NAMESPACE,
    CONFIG_MAP,
    SECRET,
    SERVICE,
    ENDPOINTS,
    POD,
    DEPLOYMENT,
    LEASE,
    DEFINITION,
    PROBE,   /* of PROBE_DEFINITION, below */
    UNKNOWN, /* served by nobody */
};
const struct kube_kind *kind_row(enum kind kind);
#define ROW(kind) kind_row(kind), kind_row(kind)->versions[0].name

/* The answer, which must have this HTTP status: parsed, owned by the caller. */
json_t *expect(int status, struct net_request request);
/* The same where the answer does not matter. */
void expect_only(int status, struct net_request request);
/* The answer's HTTP status, 0 without an answer; `ret` (may be NULL) is its body, owned by the caller. */
int attempt(struct net_request request, json_t **ret);
/* `object` is JSON text, in namespace SPACE where the kind has namespaces. */
json_t *create(enum kind kind, const char *object);
json_t *get(enum kind kind, const char *name);
/* With the object's own name. */
struct net_request put(enum kind kind, const json_t *object);
struct net_request put_status(enum kind kind, const json_t *object);
struct net_request merge(enum kind kind, const char *name, const char *patch);
struct net_request removal(enum kind kind, const char *name, const char *uid, const char *version);
const char *version_of(const json_t *object);
const char *uid_of(const json_t *object);
/* A number of the metadata, 0 where it is not there. */
int64_t generation_of(const json_t *object);
/* The server's minor version: 20 of 1.20.2. */
int minor_version(void);
/* Waits until it answers 404. */
void wait_gone(enum kind kind, const char *name);
/* Waits until the object's text at the path is `value` (NULL: there is something). */
void wait_field(enum kind kind, const char *name, const char *const *path, const char *value);
void run_loop_for(int ms);
/* As `forget` of conformance_run(). */
bool server_forgets(void);

/* A watch of the kind in SPACE, from a version. */
struct watching;
struct watching *watch(enum kind kind, const char *labels, const char *version, int seconds);
void watching_free(struct watching *w);
/* The next event, parsed, owned by the caller; bookmarks are left out unless asked for. NULL: the watch ended. */
json_t *next_event(struct watching *w, bool bookmarks);
/* The next event is of this type and object. */
void expect_event(struct watching *w, const char *type, const char *name);

/* The definition of PROBE. */
extern const char PROBE_DEFINITION[];
#define PROBES "probes.conformance.example.com"

#endif
