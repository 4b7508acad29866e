/* Events, as they are sent: whatever text they are about, the API server takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/doc.h"
#include "kube/lease.h"
#include "reconcile/events.h"
#include "sim.h"

/* Kubernetes' limits of an Event's message and of an object's name (ValidateEvent, ValidateObjectMeta). */
#define MESSAGE_MAX 1024
#define NAME_MAX_LEN 253

struct bench {
    struct sim *sim;
    struct events *events;
    bool closed;
};

static bool may_send(void *context, msec_t *ret_not_after)
{
    *ret_not_after = 0;
    return !((struct bench *)context)->closed;
}

static int setup(void **state)
{
    struct bench *b = NEW(struct bench);

    *b = (struct bench){.sim = sim_new(&kube_lease_kinds, 20, 1)};
    b->events = events_new(sim_io(b->sim), (struct kube_gate){.may_send = may_send, .context = b});
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    events_free(b->events);
    sim_free(b->sim);
    free(b);
    return 0;
}

static struct map *stored(const struct bench *b)
{
    return server_find(sim_server(b->sim), "", "events")->objects;
}

/* The Event that was stored last. */
static const json_t *newest(const struct bench *b)
{
    const struct collection *events = server_find(sim_server(b->sim), "", "events");

    return events->change_count ? events->changes[events->change_count - 1].object : NULL;
}

static void
tell(struct bench *b, const char *about, const char *reason, bool warning, const char *object, const char *text)
{
    const struct event_subject subject = {"istio.banzaicloud.io/v1beta1", "Istio", "istio-system", about, about};

    events_note(b->events, &subject, reason, warning, object, text);
}

/* How many Events came of what was told. */
static size_t sent_within(struct bench *b, msec_t time)
{
    size_t before = map_len(stored(b));

    sim_run(b->sim, time);
    return map_len(stored(b)) - before;
}

/* The message of the only Event that comes of a note. */
static const char *note(struct bench *b, const char *name, const char *text)
{
    tell(b, name, "Refused", true, "Service/istio-system/istio-pilot", text);
    events_flush(b->events);
    assert_int_equal(sent_within(b, 100), 1);
    return doc_string(newest(b), "message");
}

/* What a webhook says when it denies a write, for instance: of any length, in any language. */
static void a_long_message_is_cut_between_characters(void **state)
{
    static const char character[] = "\xf0\x9f\x98\x80";
    struct bench *b = *state;

    for (size_t shift = 0; shift < 4; shift++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        const char *message;
        buf_add(&text, "aaaa", shift);
        while (text.len < 2000)
            buf_add_str(&text, character);
        message = note(b, "istio", buf_str(&text));
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
    struct bench *b = *state;
    char name[NAME_MAX_LEN + 1] = "";

    for (size_t i = 0; i < NAME_MAX_LEN; i++)
        name[i] = i % 5 != 4 ? 'a' : i / 5 % 2 ? '.' : '-';
    for (size_t len = 200; len <= NAME_MAX_LEN; len++) {
        char last = name[len - 1], next = name[len];
        const char *given;
        name[len] = '\0';
        name[len - 1] = 'a';
        note(b, name, name);
        given = doc_string(newest(b), "metadata", "name");
        assert_true(strlen(given) <= NAME_MAX_LEN);
        assert_null(strstr(given, ".."));
        assert_null(strstr(given, "-."));
        assert_string_equal(doc_string(newest(b), "involvedObject", "name"), name);
        name[len - 1] = last;
        name[len] = next;
    }
}

/* An installation creates some hundred objects at one time. */
static void many_notes_of_one_reason_become_one_event(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 4; i++) {
        _cleanup_free_ char *object = str_printf("ConfigMap/a/%d", i);
        tell(b, "istio", "Created", false, object, "not there yet");
    }
    tell(b, "istio", "Created", false, "ConfigMap/a/0", "not there yet"); /* the same once more */
    assert_int_equal(sent_within(b, SECONDS(1)), 0);
    assert_int_equal(sent_within(b, SECONDS(1)), 4);
    for (int i = 0; i < 300; i++) {
        _cleanup_free_ char *object = str_printf("ConfigMap/a/%d", i);
        tell(b, "istio", "Created", false, object, "not there yet");
    }
    tell(b, "istio", "Healed", false, "Service/a/b", "deleted");
    assert_int_equal(sent_within(b, SECONDS(2)), 2);
}

static void an_event_says_of_which_resource_and_what(void **state)
{
    struct bench *b = *state;

    tell(b, "istio", "Healed", false, "Service/a/b", "deleted by another client; restored");
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
    assert_string_equal(doc_string(newest(b), "type"), "Normal");
    assert_string_equal(doc_string(newest(b), "reason"), "Healed");
    assert_string_equal(doc_string(newest(b), "involvedObject", "kind"), "Istio");
    assert_string_equal(doc_string(newest(b), "involvedObject", "uid"), "istio");
    assert_string_equal(doc_string(newest(b), "metadata", "namespace"), "istio-system");
}

static void a_warning_is_repeated_after_ten_minutes_and_not_before(void **state)
{
    struct bench *b = *state;

    tell(b, "istio", "Refused", true, "Service/a/b", "no");
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
    assert_string_equal(doc_string(newest(b), "type"), "Warning");
    for (int i = 0; i < 59; i++) {
        tell(b, "istio", "Refused", true, "Service/a/b", "no");
        assert_int_equal(sent_within(b, SECONDS(10)), 0);
    }
    tell(b, "istio", "Refused", true, "Service/a/b", "another reason");
    assert_int_equal(sent_within(b, SECONDS(20)), 1);
    tell(b, "istio", "Refused", true, "Service/a/b", "no");
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
}

static void notes_about_two_resources_are_not_mixed(void **state)
{
    struct bench *b = *state;

    tell(b, "one", "Healed", false, "Service/a/b", "deleted");
    tell(b, "two", "Healed", false, "Service/a/b", "deleted");
    /* The first one's are sent when the second one's begin. */
    assert_int_equal(sent_within(b, 100), 1);
    assert_string_equal(doc_string(newest(b), "involvedObject", "name"), "one");
    assert_int_equal(sent_within(b, SECONDS(2)), 1);
    assert_string_equal(doc_string(newest(b), "involvedObject", "name"), "two");
}

static void a_standby_sends_none(void **state)
{
    struct bench *b = *state;

    b->closed = true;
    tell(b, "istio", "Healed", false, "Service/a/b", "deleted");
    assert_int_equal(sent_within(b, SECONDS(5)), 0);
    /* Nor later what is over by then. */
    b->closed = false;
    assert_int_equal(sent_within(b, SECONDS(5)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_long_message_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_that_is_no_utf8_is_sent_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(the_events_of_a_long_name_have_a_valid_name, setup, teardown),
        cmocka_unit_test_setup_teardown(many_notes_of_one_reason_become_one_event, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_says_of_which_resource_and_what, setup, teardown),
        cmocka_unit_test_setup_teardown(a_warning_is_repeated_after_ten_minutes_and_not_before, setup, teardown),
        cmocka_unit_test_setup_teardown(notes_about_two_resources_are_not_mixed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_standby_sends_none, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
