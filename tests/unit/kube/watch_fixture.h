/* A watch without a server: tests are its driver, and its events are written down. */
#ifndef TESTS_UNIT_KUBE_WATCH_FIXTURE_H
#define TESTS_UNIT_KUBE_WATCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/watch.h"

/* A watch with what its driver knows, and its events written down as "B L:a@1 E@5 P:b@6 ..." */
struct bench {
    struct kube_watch *w;
    msec_t now;
    uint32_t random;
    struct buf log;
};

static inline void begin_with(struct bench *b, const struct kube_watch_options *options)
{
    *b = (struct bench){.w = kube_watch_new(options), .now = 1000};
    kube_watch_start(b->w, b->now, "v1", "ConfigMap");
}

static inline void begin(struct bench *b)
{
    begin_with(b, &(struct kube_watch_options){0});
}

static inline void finish(struct bench *b)
{
    kube_watch_free(b->w);
    buf_release(&b->log);
}

static inline void pull(struct bench *b, size_t budget)
{
    static const char *const names[] = {"B", "L", "E", "P", "R", "S", "F"};
    struct kube_event event;

    while (kube_watch_next(b->w, b->now, b->random, &budget, &event)) {
        buf_printf(&b->log, "%s%s%s", b->log.len ? " " : "", names[event.type], event.rewound ? "!" : "");
        if (event.object)
            buf_printf(&b->log, ":%s", str_or(doc_string(event.object, "metadata", "name"), "?"));
        if (event.resource_version && event.type != KUBE_EVENT_BEGIN)
            buf_printf(&b->log, "@%s", event.resource_version);
    }
}

static inline void expect_log(struct bench *b, const char *expected)
{
    pull(b, SIZE_MAX);
    assert_string_equal(buf_str(&b->log), expected);
    buf_reset(&b->log);
}

#define expect_step(b, step) assert_int_equal(kube_watch_step((b)->w, (b)->now, (b)->random), KUBE_STEP_##step)

static inline void page(struct bench *b, const char *text)
{
    kube_watch_page(b->w, b->now, b->random, text, strlen(text));
}

static inline void feed(struct bench *b, const char *text)
{
    kube_watch_feed(b->w, b->now, text, strlen(text));
}

static inline void fail_call(struct bench *b, enum err_class class, msec_t retry_after)
{
    struct err e;

    err_set(&e, class, "it did not work");
    kube_watch_failed(b->w, b->now, b->random, &e, retry_after);
}

#define LIST(version, items)                                                                                           \
    "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define PAGE(version, token, items)                                                                                    \
    "{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define OBJ(name, version) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" OBJ(name, version) "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", "", version)
#define STATUS(code) "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code ",\"message\":\"sorry\"}}\n"

/* Listed at version 10 with the object a, and watching. */
static inline void begin_watching(struct bench *b)
{
    begin(b);
    expect_step(b, LIST);
    page(b, LIST("10", OBJ("a", "4")));
    expect_log(b, "B L:a E@10");
    expect_step(b, OPEN);
    feed(b, "");
}

#endif
