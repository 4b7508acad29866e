/*
 * A kind of resource costs a table and a row: a tiny one, a Greeting that asks for a ConfigMap and counts Pods, under
 * the controller on simulated time. What every kind has is not written here: the finalizer, refusal, deletion, the
 * status, Events, healing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/crd.h"
#include "api/status.h"
#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "reconcile/controller.h"
#include "reconcile/marks.h"
#include "reconcile/objects.h"
#include "sim.h"

#define NS "default"

/* --- the kind --- */

struct greeting {
    char *text;
};

static const struct field spec_rows[] = {
    {"text",
     .type = FIELD_TEXT,
     .format = &format_dns_label,
     .offset = offsetof(struct greeting, text),
     .doc = "What it says."},
};
static const struct field_table spec_table = {
    .name = "spec", .doc = "A greeting.", .rows = spec_rows, .len = ARRAY_LEN(spec_rows)};
static const struct field status_rows[] = {
    {"listeners", .type = FIELD_INTEGER, .least = 0, .most = 1000, .doc = "Pods."},
};
static const struct field_table status_table = {
    .name = "status", .doc = "What is.", .rows = status_rows, .len = ARRAY_LEN(status_rows), .open = true};
static const struct api_rule rules[] = {{NULL, NULL}};
static const struct api_column columns[] = {{NULL}};
static const struct api_form form = {.spec = &spec_table, .size = sizeof(struct greeting), .rules = rules};

static const struct api_resource resource = {
    .kind = "Greeting",
    .list_kind = "GreetingList",
    .plural = "greetings",
    .singular = "greeting",
    .doc = "A greeting.",
    .intro = "A greeting.",
    .finalizer = "greeting.example.com/finalizer",
    .form = &form,
    .status = &status_table,
    .columns = columns,
};

enum { CONFIG_MAP, POD, DEFINITION, GREETING, SECRET };
enum { WATCH_PODS = 1 };

static const struct kube_kind kind_rows[] = {
    [CONFIG_MAP] =
        {.kind = "ConfigMap",
         .plural = "configmaps",
         .group = "",
         .versions = {{"v1"}},
         .namespaced = true,
         .watch = KUBE_WATCH_OWNED,
         .pruned = true},
    [POD] =
        {.kind = "Pod",
         .plural = "pods",
         .group = "",
         .versions = {{"v1"}},
         .namespaced = true,
         .watch = KUBE_WATCH_NONE},
    [DEFINITION] =
        {.kind = "CustomResourceDefinition",
         .is_definition = true,
         .plural = "customresourcedefinitions",
         .group = "apiextensions.k8s.io",
         .versions = {{"v1"}},
         .watch = KUBE_WATCH_OWNED},
    [GREETING] =
        {.kind = "Greeting",
         .plural = "greetings",
         .group = API_GROUP,
         .versions = {{API_VERSION}},
         .namespaced = true,
         .watch = KUBE_WATCH_ALL,
         .custom = true},
    [SECRET] =
        {.kind = "Secret",
         .plural = "secrets",
         .group = "",
         .versions = {{"v1"}},
         .namespaced = true,
         .watch = KUBE_WATCH_ALL},
};
static const struct kube_kind_table kinds = {kind_rows, ARRAY_LEN(kind_rows)};
static const struct watch_row watch_rows[] = {{WATCH_PODS, POD, .in_namespace = true}};
static const struct watch_table watches = {watch_rows, ARRAY_LEN(watch_rows)};

/* The one of its namespace that is the first by name says where Pods are watched. */
static const char *watch_namespace(const struct kube_cache *observed)
{
    size_t first = 0;
    const struct kube_object *o = kube_cache_next(observed, &kind_rows[GREETING], &first);

    return o ? o->ns : NULL;
}

static json_t *config_map(const json_t *from)
{
    return OBJECT(
        STRING("apiVersion", "v1"),
        STRING("kind", "ConfigMap"),
        MAP("metadata",
            STRING("name", doc_string(from, "metadata", "name")),
            STRING("namespace", doc_string(from, "metadata", "namespace"))),
        MAP("data", STRING("text", doc_string(from, "spec", "text"))));
}

static void
check(const json_t *from, const struct check_context *context, json_t *ret_objects, struct problems *problems)
{
    struct greeting spec;

    (void)context;
    if (api_parse(&resource, from, NULL, &spec, sizeof(spec), problems) < 0)
        return;
    if (ret_objects)
        json_array_append_new(ret_objects, config_map(from));
    field_release(&spec_table, &spec);
}

static void review(struct reconcile *r)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;

    check(r->resource, &(struct check_context){0}, NULL, &problems);
    if (!problems.errors)
        return;
    problems_err(&problems, &r->refusal);
    r->facts.refused = &r->refusal;
}

static struct desired_set *desired_of(const struct reconcile *r)
{
    const struct kube_object *o = r->object;
    const struct mark_owner owner = {API_GROUP_VERSION, "Greeting", o->ns, o->name, o->uid, NULL};
    struct rendered_list objects = {.items = NEW_ARRAY(struct rendered, 1), .len = 1};

    objects.items[0] = (struct rendered){.kind = &kind_rows[CONFIG_MAP], .object = config_map(r->resource)};
    return desired_from(&objects, &owner);
}

static void plan(struct reconcile *r)
{
    _cleanup_desired_ struct desired_set *desired = desired_of(r);
    const struct objects_input objects = {
        .plan = r->world->central,
        .desired = {desired},
        .owner_uid = r->object->uid,
        .settled = resource_is_settled(&r->own),
    };

    r->plan->central.watch |= WATCH_PODS;
    objects_plan(&objects, &r->plan->central);
    reconcile_conclude(r, &r->plan->central, false);
}

static bool leave(struct reconcile *r)
{
    const struct objects_input objects = {.plan = r->world->central, .owner_uid = r->object->uid};

    r->facts.leftovers = objects_plan(&objects, &r->plan->central);
    return r->facts.leftovers == 0 && plan_is_relisted(r->world->central, &r->plan->central);
}

static bool add_status(struct reconcile *r, json_t *status)
{
    const struct plan_input *in = r->world->central;

    if (in->synced & WATCH_PODS)
        json_object_set_new(
            status, "listeners", json_integer((json_int_t)kube_cache_count(in->observed, &kind_rows[POD])));
    return true;
}

static const struct reconciler greeting_reconciler = {
    .resource = &resource,
    .kind = GREETING,
    .watches = &watches,
    .watch_namespace = watch_namespace,
    .check = check,
    .review = review,
    .plan = plan,
    .leave = leave,
    .status = add_status,
};

/* The same where all that a greeting depends on in the cluster is a number, itself, and the Secret of its name. */
static uint64_t number;

static uint64_t shared_version(const void *shared)
{
    (void)shared;
    return number;
}

static bool leave_patiently(struct reconcile *r)
{
    r->plan->again_after = SECONDS(1);
    return leave(r);
}

static const struct reconciler patient_reconciler = {
    .resource = &resource,
    .kind = GREETING,
    .watches = &watches,
    .watch_namespace = watch_namespace,
    .credentials = SECRET,
    .shared_version = shared_version,
    .check = check,
    .review = review,
    .plan = plan,
    .leave = leave_patiently,
    .status = add_status,
};

/* The same where a server outside says what the greeting says; one with text "nothing" asks none, one with
 * "elsewhere" one that cannot be asked. */
#define QUERY_URL "http://words.example.com/v1?for="

static void plan_words(struct reconcile *r)
{
    const struct query_answer *answer = query_answers_find(&r->world->answers, "words");
    const char *text = doc_string(r->resource, "spec", "text");
    _cleanup_free_ char *url =
        str_printf("%s%s", str_eq(text, "elsewhere") ? "ftp://example.com/" : QUERY_URL, r->object->name);

    if (str_eq(text, "nothing"))
        return;
    queries_add(&r->plan->queries, &(struct query){.key = "words", .url = url, .max_age = SECONDS(30)});
    if (!answer) {
        r->facts.waits_for = "waiting for words";
    } else if (answer->error || answer->status != 200) {
        err_set(&r->refusal, ERR_UNAVAILABLE, "no words: %s", str_or(answer->error, "the server says no"));
        r->facts.refused = &r->refusal;
    } else {
        _cleanup_free_ char *words = str_dup_n(answer->body, answer->body_len);
        json_object_set_new(doc_at(r->resource, "spec"), "text", json_string(words));
        plan(r);
    }
}

static const struct reconciler asking_reconciler = {
    .resource = &resource,
    .kind = GREETING,
    .watches = &watches,
    .watch_namespace = watch_namespace,
    .check = check,
    .review = review,
    .plan = plan_words,
    .leave = leave,
    .status = add_status,
};

/* --- the bench --- */

struct bench {
    struct sim *sim;
    const struct controller_kinds *kinds;
    struct query_sender sender;
    struct query_call *asked; /* the query that is under way; NULL: none */
    int sent, cancelled;
    bool stands_by, leads; /* there is a gate; it is open */
    char texts[256];       /* that were written, one a line */
    struct controller *controller;
};

static int connect_nowhere(
    void *context, const struct kube_config *config, const struct kube_cluster_options *options,
    const struct kube_cluster_events *events, struct kube_cluster **ret, struct err *e)
{
    (void)context, (void)config, (void)options, (void)events, (void)ret;
    return err_set(e, ERR_INVALID, "there is no other cluster");
}

struct query_call {
    struct bench *bench;
    char *url;
    query_done_fn done;
    void *context;
};

static void call_free(struct query_call *call)
{
    call->bench->asked = NULL;
    free(call->url);
    free(call);
}

static int send_query(
    void *context, const struct query *query, query_done_fn done, void *done_context, struct query_call **ret,
    struct err *e)
{
    struct bench *b = context;

    if (!str_starts(query->url, QUERY_URL))
        return err_set(e, ERR_INVALID, "no such server");
    assert_null(b->asked);
    b->sent++;
    *ret = b->asked = NEW(struct query_call);
    *b->asked = (struct query_call){b, str_dup(query->url), done, done_context};
    return 0;
}

static void cancel_query(void *context, struct query_call *call)
{
    struct bench *b = context;

    b->cancelled++;
    call_free(call);
}

static void answer(struct bench *b, int status, const char *body, const struct err *e)
{
    struct query_call call;

    assert_non_null(b->asked);
    call = *b->asked;
    free(b->asked);
    b->asked = NULL;
    call.done(call.context, status, body, body ? strlen(body) : 0, e);
    free(call.url);
    sim_run(b->sim, SECONDS(2));
}

static bool may_send(void *context, msec_t *ret_not_after)
{
    const struct bench *b = context;

    (void)ret_not_after;
    return b->leads;
}

static void start(struct bench *b)
{
    const struct controller_options options = {
        .kinds = b->kinds,
        .ns = NS,
        .queries = &b->sender,
        .keeps_memory = true,
        .gate = {.may_send = b->stands_by ? may_send : NULL, .context = b}};
    const struct connector connector = {connect_nowhere, NULL};

    b->controller = controller_new_on(sim_io(b->sim), &options, &connector);
    controller_start(b->controller);
    sim_run(b->sim, SECONDS(2));
}

static int setup_with(void **state, const struct controller_kinds *all)
{
    struct bench *b = NEW(struct bench);

    b->kinds = all;
    b->sender = (struct query_sender){send_query, cancel_query, b};
    b->sim = sim_new(&kinds, 20, 1);
    sim_apply(b->sim, &kind_rows[DEFINITION], api_crd(&resource, "v1"));
    start(b);
    *state = b;
    return 0;
}

static int setup(void **state)
{
    static const struct reconciler *const rows[] = {&greeting_reconciler, NULL};
    static const struct controller_kinds all = {.objects = &kinds, .rows = rows, .owner_label = MARK_OWNER};

    return setup_with(state, &all);
}

static int setup_patient(void **state)
{
    static const struct reconciler *const rows[] = {&patient_reconciler, NULL};
    static const struct controller_kinds all = {.objects = &kinds, .rows = rows, .owner_label = MARK_OWNER};

    return setup_with(state, &all);
}

static int setup_asking(void **state)
{
    static const struct reconciler *const rows[] = {&asking_reconciler, NULL};
    static const struct controller_kinds all = {.objects = &kinds, .rows = rows, .owner_label = MARK_OWNER};

    return setup_with(state, &all);
}

static int teardown(void **state)
{
    struct bench *b = *state;

    controller_free(b->controller);
    sim_free(b->sim);
    free(b);
    return 0;
}

static json_t *document(const char *name, const char *text)
{
    return OBJECT(
        STRING("apiVersion", API_GROUP_VERSION),
        STRING("kind", "Greeting"),
        MAP("metadata", STRING("name", name), STRING("namespace", NS), INT("generation", 1)),
        MAP("spec", STRING("text", text)));
}

static void apply(struct bench *b, const char *name, const char *text)
{
    sim_apply(b->sim, &kind_rows[GREETING], document(name, text));
}

static void put(struct bench *b, const char *name, const char *text)
{
    apply(b, name, text);
    sim_run(b->sim, SECONDS(2));
}

static const json_t *greeting(const struct bench *b, const char *name)
{
    return sim_get(b->sim, &kind_rows[GREETING], NS, name);
}

static void expect_status(const struct bench *b, const char *name, const char *word)
{
    assert_string_equal(str_or(doc_string(greeting(b, name), "status", STATUS_FIELD_STATUS), ""), word);
}

static void expect_text(const struct bench *b, const char *name, const char *text)
{
    const json_t *map = sim_get(b->sim, &kind_rows[CONFIG_MAP], NS, name);

    assert_string_equal(str_or(doc_string(map, "data", "text"), ""), text);
}

/* What the row's check() says, without a cluster: how many objects such a greeting gets; none: it is refused. */
static void expect_checked(const char *text, size_t objects)
{
    _cleanup_problems_ struct problems problems = PROBLEMS_INIT;
    _cleanup_json_ json_t *list = json_array(), *one = document("one", text);

    greeting_reconciler.check(one, &(struct check_context){0}, list, &problems);
    assert_int_equal(json_array_size(list), objects);
    assert_int_equal(problems.errors > 0, objects == 0);
}

/* --- the tests --- */

static void a_resource_gets_its_object_finalizer_and_status(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "good-morning");
    expect_text(b, "hello", "good-morning");
    expect_status(b, "hello", STATUS_AVAILABLE);
    assert_string_equal(
        json_string_value(json_array_get(doc_at(greeting(b, "hello"), "metadata", "finalizers"), 0)),
        resource.finalizer);

    sim_delete(b->sim, &kind_rows[CONFIG_MAP], NS, "hello");
    sim_run(b->sim, SECONDS(2));
    expect_text(b, "hello", "good-morning");
}

static void an_invalid_one_is_refused_and_the_others_go_on(void **state)
{
    struct bench *b = *state;

    put(b, "bad", "Not A Label");
    put(b, "good", "hi");
    expect_status(b, "bad", STATUS_RECONCILE_FAILED);
    assert_non_null(strstr(doc_string(greeting(b, "bad"), "status", STATUS_FIELD_ERROR_MESSAGE), "spec.text"));
    expect_text(b, "bad", "");
    expect_checked("Not A Label", 0);
    expect_status(b, "good", STATUS_AVAILABLE);
    expect_checked("hi", 1);

    put(b, "bad", "better");
    expect_text(b, "bad", "better");
    expect_status(b, "bad", STATUS_AVAILABLE);
}

/* Each time a condition has changed at another time: what is desired is the same all the same. */
static void a_status_that_another_writer_undoes_is_written_more_slowly(void **state)
{
    struct bench *b = *state;
    unsigned writes;

    put(b, "hello", "hi");
    (void)sim_take_counts(b->sim);
    for (int i = 0; i < 600; i++) {
        json_t *theirs = json_deep_copy((json_t *)greeting(b, "hello"));
        json_t *ready = doc_find(doc_at(theirs, "status", STATUS_FIELD_CONDITIONS), "type", "Ready");
        json_object_set_new(ready, "status", json_string("Unknown"));
        sim_apply(b->sim, &kind_rows[GREETING], theirs);
        sim_run(b->sim, 100);
    }
    writes = sim_take_counts(b->sim).writes;
    assert_in_range(writes, 5, 30);
    sim_run(b->sim, SECONDS(60));
    expect_status(b, "hello", STATUS_AVAILABLE);
}

/* As a definition does that is older than the operator. */
static int prune_status(void *context, enum net_method method, const char *path, json_t *body, const char **ret_message)
{
    (void)context, (void)method, (void)ret_message;
    if (str_ends(path, "/status"))
        json_object_del(doc_at(body, "status"), "listeners");
    return 0;
}

static void a_status_that_the_server_prunes_is_not_written_again_and_again(void **state)
{
    struct bench *b = *state;

    sim_review(b->sim, prune_status, b);
    put(b, "hello", "hi");
    expect_status(b, "hello", STATUS_AVAILABLE);
    assert_null(doc_at(greeting(b, "hello"), "status", "listeners"));
    (void)sim_take_counts(b->sim);
    for (int i = 0; i < 20; i++) {
        sim_apply(
            b->sim,
            &kind_rows[POD],
            OBJECT(
                STRING("apiVersion", "v1"),
                STRING("kind", "Pod"),
                MAP("metadata", STRING("name", "one"), STRING("namespace", NS), MAP("labels", FORMAT("n", "%d", i)))));
        sim_run(b->sim, SECONDS(2));
    }
    /* One for the Pod that came. */
    assert_in_range(sim_take_counts(b->sim).writes, 0, 2);
    /* What another client changes is written all the same. */
    sim_review(b->sim, NULL, NULL);
    put(b, "hello", "hello");
    assert_int_equal(doc_int(doc_at(greeting(b, "hello"), "status", "listeners"), -1), 1);
}

static void a_watch_that_the_plan_asks_for_brings_what_it_counts(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "hi");
    assert_int_equal(doc_int(doc_at(greeting(b, "hello"), "status", "listeners"), -1), 0);
    sim_apply(
        b->sim,
        &kind_rows[POD],
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Pod"),
            MAP("metadata", STRING("name", "one"), STRING("namespace", NS))));
    sim_run(b->sim, SECONDS(2));
    assert_int_equal(doc_int(doc_at(greeting(b, "hello"), "status", "listeners"), -1), 1);
}

static void a_deleted_one_takes_its_object_along_and_no_other(void **state)
{
    struct bench *b = *state;
    json_t *going;

    put(b, "hello", "hi");
    put(b, "stays", "there");
    going = doc_copy(greeting(b, "hello"));
    json_object_set_new(doc_at(going, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    sim_apply(b->sim, &kind_rows[GREETING], going);
    sim_run(b->sim, SECONDS(5));
    assert_null(greeting(b, "hello"));
    expect_text(b, "hello", "");
    expect_text(b, "stays", "there");
}

static void one_that_is_deleted_by_orphan_leaves_its_object(void **state)
{
    struct bench *b = *state;
    json_t *going;

    put(b, "hello", "hi");
    going = doc_copy(greeting(b, "hello"));
    json_object_set_new(doc_at(going, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    json_array_append_new(doc_at(going, "metadata", "finalizers"), json_string("orphan"));
    sim_apply(b->sim, &kind_rows[GREETING], going);
    sim_run(b->sim, SECONDS(5));
    assert_int_equal(json_array_size(doc_at(greeting(b, "hello"), "metadata", "finalizers")), 1);
    /* The garbage collector takes its own off, and the resource goes. */
    sim_delete(b->sim, &kind_rows[GREETING], NS, "hello");
    sim_run(b->sim, SECONDS(5));
    expect_text(b, "hello", "hi");
}

/* The operator was not there while the garbage collector worked. */
static void one_whose_object_was_orphaned_leaves_it(void **state)
{
    struct bench *b = *state;
    json_t *going, *map;

    put(b, "hello", "hi");
    controller_free(b->controller);
    map = doc_copy(sim_get(b->sim, &kind_rows[CONFIG_MAP], NS, "hello"));
    json_object_del(doc_at(map, "metadata"), "ownerReferences");
    going = doc_copy(greeting(b, "hello"));
    json_object_set_new(doc_at(going, "metadata"), "deletionTimestamp", json_string("2018-12-17T00:00:00Z"));
    sim_apply(b->sim, &kind_rows[CONFIG_MAP], map);
    sim_apply(b->sim, &kind_rows[GREETING], going);
    start(b);
    assert_null(greeting(b, "hello"));
    expect_text(b, "hello", "hi");
}

static void an_answer_from_outside_comes_into_the_next_plan(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "hi");
    assert_string_equal(b->asked->url, QUERY_URL "hello");
    expect_status(b, "hello", STATUS_RECONCILING);
    expect_text(b, "hello", "");
    answer(b, 200, "good-morning", NULL);
    expect_text(b, "hello", "good-morning");
    expect_status(b, "hello", STATUS_AVAILABLE);
}

static void an_answer_is_asked_for_again_when_it_is_old(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "hi");
    answer(b, 200, "good-morning", NULL);
    sim_run(b->sim, SECONDS(27));
    assert_int_equal(b->sent, 1);
    sim_run(b->sim, SECONDS(3));
    assert_int_equal(b->sent, 2);
    /* The old one counts until there is another. */
    expect_text(b, "hello", "good-morning");
    answer(b, 200, "good-evening", NULL);
    expect_text(b, "hello", "good-evening");
}

static void a_query_that_fails_is_reported_and_asked_again(void **state)
{
    struct bench *b = *state;
    struct err e;

    put(b, "hello", "hi");
    err_set(&e, ERR_UNAVAILABLE, "nobody listens");
    answer(b, 0, NULL, &e);
    expect_status(b, "hello", STATUS_RECONCILE_FAILED);
    assert_non_null(
        strstr(doc_string(greeting(b, "hello"), "status", STATUS_FIELD_ERROR_MESSAGE), "no words: nobody listens"));
    sim_run(b->sim, SECONDS(30));
    answer(b, 503, "try later", NULL);
    expect_status(b, "hello", STATUS_RECONCILE_FAILED);
    sim_run(b->sim, SECONDS(30));
    answer(b, 200, "good-morning", NULL);
    expect_status(b, "hello", STATUS_AVAILABLE);
}

static void a_query_that_no_plan_needs_is_not_asked_any_more(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "hi");
    assert_non_null(b->asked);
    put(b, "hello", "nothing");
    assert_null(b->asked);
    assert_int_equal(b->cancelled, 1);

    put(b, "hello", "hi");
    assert_int_equal(b->sent, 2);
    sim_delete(b->sim, &kind_rows[GREETING], NS, "hello");
    sim_run(b->sim, SECONDS(60));
    assert_null(b->asked);
    assert_int_equal(b->sent, 2);
}

static void a_query_that_cannot_be_sent_is_reported(void **state)
{
    struct bench *b = *state;

    put(b, "hello", "elsewhere");
    expect_status(b, "hello", STATUS_RECONCILE_FAILED);
    assert_non_null(
        strstr(doc_string(greeting(b, "hello"), "status", STATUS_FIELD_ERROR_MESSAGE), "no words: no such server"));
    /* Another URL is another query, whatever its key. */
    put(b, "hello", "hi");
    answer(b, 200, "good-morning", NULL);
    expect_text(b, "hello", "good-morning");
}

static int note_text(void *context, enum net_method method, const char *path, json_t *body, const char **ret_message)
{
    const char *text = doc_string(body, "data", "text");
    struct bench *b = context;
    size_t len = strlen(b->texts);

    (void)method, (void)path, (void)ret_message;
    if (text)
        snprintf(b->texts + len, sizeof(b->texts) - len, "%s\n", text);
    return 0;
}

/* As the leader before left it. */
static void apply_led(struct bench *b, const char *text)
{
    json_t *one = document("hello", text);

    json_object_set_new(doc_at(one, "metadata"), "finalizers", json_pack("[s]", resource.finalizer));
    sim_apply(b->sim, &kind_rows[GREETING], one);
    sim_run(b->sim, 100);
}

/* What it saw while it stood by may be old: a watch that brings nothing any more says so to nobody. */
static void a_new_leader_writes_nothing_by_what_it_saw_long_ago(void **state)
{
    static const struct sim_faults silent = {.net = {.watch_silent = 1000}};
    struct bench *b = *state;

    controller_free(b->controller);
    b->stands_by = true;
    start(b);
    apply_led(b, "old");
    expect_text(b, "hello", "");
    sim_faults(b->sim, &silent);
    apply_led(b, "new");
    sim_faults(b->sim, NULL);
    sim_review(b->sim, note_text, b);
    b->leads = true;
    controller_set_acting(b->controller, true);
    sim_run(b->sim, SECONDS(2));
    assert_string_equal(b->texts, "new\n");
    expect_status(b, "hello", STATUS_AVAILABLE);
}

enum { MANY = 1000, FEW = 20 };

/* What was done since the last time. */
static void expect_done(const struct bench *b, uint64_t least, uint64_t most)
{
    static uint64_t checks, plans;
    uint64_t checks_now = controller_stats(b->controller)->checks,
             plans_now = controller_actor_stats(b->controller).plans;

    if (most) {
        assert_in_range(checks_now - checks, least, most);
        assert_in_range(plans_now - plans, least, most);
    }
    checks = checks_now;
    plans = plans_now;
}

static void a_change_of_one_of_a_thousand_costs_what_one_costs(void **state)
{
    struct bench *b = *state;
    _cleanup_free_ char *last = str_printf("g%d", MANY - 1);

    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *name = str_printf("g%d", i);
        apply(b, name, "hi");
    }
    sim_run(b->sim, SECONDS(60));
    expect_status(b, last, STATUS_AVAILABLE);
    expect_done(b, 0, 0);

    put(b, "g500", "ho");
    expect_text(b, "g500", "ho");
    expect_done(b, 1, FEW);

    sim_apply(
        b->sim,
        &kind_rows[SECRET],
        OBJECT(
            STRING("apiVersion", "v1"),
            STRING("kind", "Secret"),
            MAP("metadata", STRING("name", "g7"), STRING("namespace", NS))));
    sim_run(b->sim, SECONDS(2));
    expect_done(b, 1, FEW);

    /* What all depend on. */
    number++;
    put(b, "g500", "hey");
    expect_done(b, MANY, 2 * MANY);
    expect_text(b, "g500", "hey");
    sim_delete(b->sim, &kind_rows[GREETING], NS, last);
    sim_run(b->sim, SECONDS(2));
    expect_done(b, 0, FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resource_gets_its_object_finalizer_and_status, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invalid_one_is_refused_and_the_others_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_that_another_writer_undoes_is_written_more_slowly, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_status_that_the_server_prunes_is_not_written_again_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_that_the_plan_asks_for_brings_what_it_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_one_takes_its_object_along_and_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_one_takes_its_object_along_and_no_other, setup_patient, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_deleted_by_orphan_leaves_its_object, setup, teardown),
        cmocka_unit_test_setup_teardown(one_whose_object_was_orphaned_leaves_it, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_from_outside_comes_into_the_next_plan, setup_asking, teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_asked_for_again_when_it_is_old, setup_asking, teardown),
        cmocka_unit_test_setup_teardown(a_query_that_fails_is_reported_and_asked_again, setup_asking, teardown),
        cmocka_unit_test_setup_teardown(a_query_that_no_plan_needs_is_not_asked_any_more, setup_asking, teardown),
        cmocka_unit_test_setup_teardown(a_query_that_cannot_be_sent_is_reported, setup_asking, teardown),
        cmocka_unit_test_setup_teardown(a_new_leader_writes_nothing_by_what_it_saw_long_ago, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_of_one_of_a_thousand_costs_what_one_costs, setup_patient, teardown),
    };

    return cmocka_run_group_tests_name("unit reconcile controller", tests, NULL, NULL);
}
