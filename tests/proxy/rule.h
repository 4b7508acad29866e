/*
 * What the proxy does to whom: rules as text, and the choice among them. No I/O; chance comes from a seed.
 *
 *   answer code=429 retry-after=1 method=POST path=*services p=0.5 count=3
 *
 * The first word is the fault; the first rule that fits, and whose chance comes true, counts.
 */
#ifndef TESTS_PROXY_RULE_H
#define TESTS_PROXY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../server/rng.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * When a rule is asked: ALWAYS lasts for as long as the rule is there, ACCEPT is asked once a connection, REQUEST once
 * a request (where the proxy looks into them, not in raw mode).
 */
enum rule_moment { RULE_ALWAYS, RULE_ACCEPT, RULE_REQUEST };

/* name, word, moment, what it does */
#define FAULTS(X)                                                                                                      \
    X(REFUSE, "refuse", RULE_ALWAYS, "nothing listens, and all connections are reset")                                 \
    X(PARTITION, "partition", RULE_ALWAYS, "nothing is read or written, on old connections and on new ones")           \
    X(SILENT, "silent", RULE_ACCEPT, "the connection is accepted and never heard of again")                            \
    X(CERTIFICATE, "certificate", RULE_ACCEPT, "a certificate of another authority")                                   \
    X(CUT, "cut", RULE_ACCEPT, "reset somewhere within the next bytes=N of both directions")                           \
    X(RESET, "reset", RULE_REQUEST, "reset before the request gets through")                                           \
    X(LOSE, "lose", RULE_REQUEST, "the request gets through; reset after bytes=N of the answer")                       \
    X(TRUNCATE, "truncate", RULE_REQUEST, "the same, with an orderly end of the connection")                           \
    X(DELAY, "delay", RULE_REQUEST, "the answer is held for ms=N")                                                     \
    X(ANSWER, "answer", RULE_REQUEST, "an error of code=N, with retry-after=N seconds where given")                    \
    X(GARBAGE, "garbage", RULE_REQUEST, "an answer that is no HTTP")                                                   \
    X(BROKEN_JSON, "broken-json", RULE_REQUEST, "an answer of 200 with JSON that does not end well")                   \
    X(ENDLESS_JSON, "endless-json", RULE_REQUEST, "an answer of 200 with a list that never ends")                      \
    X(HANG, "hang", RULE_REQUEST, "the request is taken and never answered")

enum fault {
#define X(name, word, moment, what) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

struct rule {
    enum fault fault;
    /* NULL: any; `method` may be "writes", all but GET; `path` is a pattern as of fnmatch(3) over path and query. */
    char *method, *path;
    unsigned permille; /* the chance; from p=0.5 */
    int64_t left;      /* how often it may come true; below zero: without end */
    int64_t bytes, ms, code, retry_after;
    uint64_t hits;
};

#define RULES_MOST 64

struct rules {
    struct rule items[RULES_MOST];
    size_t len;
    struct rng rng;
};

int rules_add(struct rules *rules, const char *text, struct err *e);
void rules_clear(struct rules *rules);

/* The rule that comes true now, counted as a hit; NULL: none. `method` and `path` are NULL but for RULE_REQUEST. */
const struct rule *rules_choose(struct rules *rules, enum rule_moment moment, const char *method, const char *path);
uint64_t rules_hits(const struct rules *rules);

/* A line for each fault, for a help text. */
void rules_describe(struct buf *out);

#endif
