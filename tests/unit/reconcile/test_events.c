/* Events, as they are sent: whatever text they are about, the API server takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/doc.h"
#include "reconcile/events.h"

/* Kubernetes' limits of an Event's message and of an object's name (ValidateEvent, ValidateObjectMeta). */
#define MESSAGE_MAX 1024
#define NAME_MAX_LEN 253

/* A transport that keeps what was sent last. */
struct wire {
    struct net_io io;
    size_t sent;
    json_t *event;
    char *path;
};

static struct net_call *
send_it(struct net_io *io, struct net_request *request, net_data_fn data, net_done_fn done, void *context)
{
    struct wire *w = (struct wire *)io;

    (void)data, (void)done, (void)context;
    json_decref(w->event);
    w->event = NULL;
    assert_int_equal(doc_parse(request->body, request->body_len, SIZE_MAX, &w->event, NULL), 0);
    str_replace(&w->path, request->path);
    net_request_release(request);
    w->sent++;
    return NULL;
}

static msec_t no_time(struct net_io *io)
{
    (void)io;
    return SECONDS(1545000000);
}

static struct net_timer *timer_new(struct net_io *io, void (*run)(void *context), void *context)
{
    (void)io, (void)run, (void)context;
    return NULL;
}

static void timer_set(struct net_io *io, struct net_timer *timer, msec_t due)
{
    (void)io, (void)timer, (void)due;
}

static void timer_free(struct net_io *io, struct net_timer *timer)
{
    (void)io, (void)timer;
}

static int setup(void **state)
{
    struct wire *w = NEW(struct wire);

    w->io = (struct net_io){
        .send = send_it,
        .now = no_time,
        .wall = no_time,
        .timer_new = timer_new,
        .timer_set = timer_set,
        .timer_free = timer_free,
    };
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct wire *w = *state;

    json_decref(w->event);
    free(w->path);
    free(w);
    return 0;
}

/* The message of the only Event that comes of a note. */
static const char *note(struct wire *w, const char *name, const char *text)
{
    struct events *events = events_new(&w->io, (struct kube_gate){0});
    const struct event_subject about = {"istio.banzaicloud.io/v1beta1", "Istio", "istio-system", name, "u"};

    w->sent = 0;
    events_note(events, &about, "Refused", true, "Service/istio-system/istio-pilot", text);
    events_flush(events);
    events_free(events);
    assert_int_equal(w->sent, 1);
    return doc_string(w->event, "message");
}

/* What a webhook says when it denies a write, for instance: of any length, in any language. */
static void a_long_message_is_cut_between_characters(void **state)
{
    static const char character[] = "\xf0\x9f\x98\x80";
    struct wire *w = *state;

    for (size_t shift = 0; shift < 4; shift++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        const char *message;
        buf_add(&text, "aaaa", shift);
        while (text.len < 2000)
            buf_add_str(&text, character);
        message = note(w, "istio", buf_str(&text));
        assert_non_null(message);
        assert_true(strlen(message) <= MESSAGE_MAX && strlen(message) > 900);
        assert_true(str_ends(message, "\xf0\x9f\x98\x80..."));
        assert_null(strchr(message, '?'));
    }
}

static void a_message_that_is_no_utf8_is_sent_all_the_same(void **state)
{
    assert_string_equal(note(*state, "istio", "\xffno\xc3"), "Service/istio-system/istio-pilot: ?no?");
    assert_string_equal(note(*state, "istio", ""), "Service/istio-system/istio-pilot: ");
}

/* A name may have 253 characters, and the Event's own name no more than that. */
static void the_events_of_a_long_name_have_a_valid_name(void **state)
{
    struct wire *w = *state;
    char name[NAME_MAX_LEN + 1] = "";

    for (size_t i = 0; i < NAME_MAX_LEN; i++)
        name[i] = i % 5 != 4 ? 'a' : i / 5 % 2 ? '.' : '-';
    for (size_t len = 200; len <= NAME_MAX_LEN; len++) {
        char last = name[len - 1], next = name[len];
        const char *given;
        name[len] = '\0';
        name[len - 1] = 'a';
        note(w, name, "text");
        given = doc_string(w->event, "metadata", "name");
        assert_true(strlen(given) <= NAME_MAX_LEN);
        assert_null(strstr(given, ".."));
        assert_null(strstr(given, "-."));
        assert_string_equal(doc_string(w->event, "involvedObject", "name"), name);
        name[len - 1] = last;
        name[len] = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_long_message_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_that_is_no_utf8_is_sent_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(the_events_of_a_long_name_have_a_valid_name, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
