/* Discovery, lists, watches. */
#include <string.h>

#include "base/str.h"
#include "conformance.h"

static void discovery_says_what_is_served(void **state)
{
    _cleanup_json_ json_t *version = expect(200, net_request_new(NET_GET, "/version", NULL));
    _cleanup_json_ json_t *groups = expect(200, net_request_new(NET_GET, "/apis", NULL));
    _cleanup_json_ json_t *core = expect(200, net_request_new(NET_GET, "/api/v1", NULL));
    _cleanup_json_ json_t *apps = expect(200, net_request_new(NET_GET, "/apis/apps/v1", NULL));
    _cleanup_json_ json_t *leases = expect(200, net_request_new(NET_GET, "/apis/coordination.k8s.io/v1", NULL));
    _cleanup_free_ char *git_version = str_printf("v1.%d.", minor_version());
    const json_t *group = doc_find(doc_at(groups, "groups"), "name", "apps");

    (void)state;
    assert_string_equal(doc_string(version, "major"), "1");
    assert_true(str_starts(doc_string(version, "gitVersion"), git_version));
    assert_non_null(doc_find(doc_at(group, "versions"), "version", "v1"));
    assert_string_equal(doc_string(group, "preferredVersion", "groupVersion"), "apps/v1");
    assert_string_equal(doc_string(core, "groupVersion"), "v1");
    assert_string_equal(doc_string(doc_find(doc_at(core, "resources"), "name", "endpoints"), "kind"), "Endpoints");
    assert_false(doc_bool(doc_at(doc_find(doc_at(core, "resources"), "name", "namespaces"), "namespaced"), true));
    assert_true(doc_bool(doc_at(doc_find(doc_at(apps, "resources"), "name", "deployments"), "namespaced"), false));
    assert_non_null(doc_find(doc_at(leases, "resources"), "name", "leases"));
    expect_only(404, net_request_new(NET_GET, "/apis/nowhere.example.com/v1", NULL));
    expect_only(404, kube_request_list(ROW(UNKNOWN), NULL, NULL, NULL, 0, NULL));
    expect_only(404, kube_request_get(ROW(CONFIG_MAP), SPACE, "not-there"));
}

/* Names of the items of a list, with a space behind each; owned by the caller. */
static char *names_of(const json_t *list)
{
    struct buf names = BUF_INIT;

    for (size_t i = 0; i < json_array_size(doc_at(list, "items")); i++)
        buf_printf(&names, "%s ", doc_string(json_array_get(doc_at(list, "items"), i), "metadata", "name"));
    return buf_take(&names);
}

static char *listed(enum kind kind, const char *labels, const char *fields)
{
    _cleanup_json_ json_t *list = expect(200, kube_request_list(ROW(kind), SPACE, labels, fields, 0, NULL));

    return names_of(list);
}

static void expect_listed(enum kind kind, const char *labels, const char *fields, const char *names)
{
    _cleanup_free_ char *found = listed(kind, labels, fields);

    assert_string_equal(found, names);
}

static void lists_come_in_pages_of_one_version(void **state)
{
    static const char *const names[] = {"page-d", "page-a", "page-c", "page-e", "page-b"};
    _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
    _cleanup_json_ json_t *one = NULL, *two = NULL, *three = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_free_ char *o =
            str_printf("{\"metadata\": {\"name\": \"%s\", \"labels\": {\"pages\": \"1\"}}}", names[i]);
        json_decref(create(CONFIG_MAP, o));
    }
    one = expect(200, kube_request_list(ROW(CONFIG_MAP), SPACE, "pages=1", NULL, 2, NULL));
    assert_string_equal(doc_string(one, "kind"), "ConfigMapList");
    assert_true(*str_or(doc_string(one, "metadata", "continue"), ""));
    json_decref(create(CONFIG_MAP, "{\"metadata\": {\"name\": \"page-bb\", \"labels\": {\"pages\": \"1\"}}}"));
    two = expect(
        200, kube_request_list(ROW(CONFIG_MAP), SPACE, "pages=1", NULL, 2, doc_string(one, "metadata", "continue")));
    three = expect(
        200, kube_request_list(ROW(CONFIG_MAP), SPACE, "pages=1", NULL, 2, doc_string(two, "metadata", "continue")));
    first = names_of(one);
    second = names_of(two);
    third = names_of(three);
    assert_string_equal(first, "page-a page-b ");
    assert_string_equal(second, "page-c page-d ");
    assert_string_equal(third, "page-e ");
    assert_string_equal(version_of(one), version_of(three));
    assert_string_equal(str_or(doc_string(three, "metadata", "continue"), ""), "");
    /* Items do not repeat what the list says. */
    assert_null(doc_at(json_array_get(doc_at(one, "items"), 0), "kind"));
}

static void selectors_choose(void **state)
{
    (void)state;
    json_decref(
        create(SECRET, "{\"metadata\": {\"name\": \"sel-a\", \"labels\": {\"app\": \"one\", \"sel\": \"1\"}}}"));
    json_decref(create(SECRET, "{\"metadata\": {\"name\": \"sel-b\", \"labels\": {\"app\": \"two\", \"sel\": \"1\"}}, "
                               "\"type\": \"example.com/special\"}"));
    json_decref(create(SECRET, "{\"metadata\": {\"name\": \"sel-c\", \"labels\": {\"sel\": \"1\"}}}"));
    expect_listed(SECRET, "sel", NULL, "sel-a sel-b sel-c ");
    expect_listed(SECRET, "sel=1,app=one", NULL, "sel-a ");
    expect_listed(SECRET, "sel==1,app!=one", NULL, "sel-b sel-c ");
    expect_listed(SECRET, "sel,!app", NULL, "sel-c ");
    expect_listed(SECRET, "app in (one, two),sel", NULL, "sel-a sel-b ");
    expect_listed(SECRET, "app notin (one),sel", NULL, "sel-b sel-c ");
    expect_listed(SECRET, "sel", "type=example.com/special", "sel-b ");
    expect_listed(SECRET, "sel", "type!=example.com/special,metadata.name!=sel-a", "sel-c ");
    expect_listed(SECRET, NULL, "metadata.name=sel-b", "sel-b ");
}

static void watches_tell_in_order(void **state)
{
    _cleanup_json_ json_t *list = expect(200, kube_request_list(ROW(CONFIG_MAP), SPACE, NULL, NULL, 0, NULL));
    struct watching *w = watch(CONFIG_MAP, NULL, version_of(list), 60), *later;
    _cleanup_json_ json_t *made = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"seen\"}}"), *changed = NULL;
    _cleanup_json_ json_t *last = NULL;

    (void)state;
    expect_event(w, "ADDED", "seen");
    changed = expect(200, merge(CONFIG_MAP, "seen", "{\"data\": {\"a\": \"1\"}}"));
    expect_event(w, "MODIFIED", "seen");
    expect_only(200, removal(CONFIG_MAP, "seen", NULL, NULL));
    last = next_event(w, false);
    assert_string_equal(doc_string(last, "type"), "DELETED");
    /* Its version is that of its end: a watch can go on from there. */
    assert_string_not_equal(version_of(doc_at(last, "object")), version_of(changed));
    watching_free(w);

    later = watch(CONFIG_MAP, NULL, version_of(made), 60);
    expect_event(later, "MODIFIED", "seen");
    expect_event(later, "DELETED", "seen");
    watching_free(later);
}

static void watches_see_objects_enter_and_leave_a_selector(void **state)
{
    _cleanup_json_ json_t *o = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"moving\"}}");
    struct watching *w = watch(CONFIG_MAP, "inside=1", version_of(o), 60);

    (void)state;
    expect_only(200, merge(CONFIG_MAP, "moving", "{\"metadata\": {\"labels\": {\"inside\": \"1\"}}}"));
    expect_event(w, "ADDED", "moving");
    expect_only(200, merge(CONFIG_MAP, "moving", "{\"data\": {\"a\": \"1\"}}"));
    expect_event(w, "MODIFIED", "moving");
    expect_only(200, merge(CONFIG_MAP, "moving", "{\"metadata\": {\"labels\": {\"inside\": null}}}"));
    expect_event(w, "DELETED", "moving");
    watching_free(w);
}

static void watch_from_a_forgotten_version_says_so(void **state)
{
    struct watching *w;
    _cleanup_json_ json_t *event = NULL;

    (void)state;
    if (!server_forgets())
        skip();
    w = watch(CONFIG_MAP, NULL, "1", 60);
    event = next_event(w, false);
    assert_string_equal(doc_string(event, "type"), "ERROR");
    assert_string_equal(doc_string(event, "object", "kind"), "Status");
    assert_int_equal(doc_int(doc_at(event, "object", "code"), 0), 410);
    watching_free(w);
}

static void watch_ends_in_time_behind_a_bookmark(void **state)
{
    _cleanup_json_ json_t *o = create(CONFIG_MAP, "{\"metadata\": {\"name\": \"before\"}}"), *bookmark = NULL;
    struct watching *w;
    json_t *later;

    (void)state;
    w = watch(CONFIG_MAP, "bookmarks=1", version_of(o), 5);
    /* It knows of more than its own objects. */
    json_decref(create(CONFIG_MAP, "{\"metadata\": {\"name\": \"after\"}}"));
    bookmark = next_event(w, true);
    assert_string_equal(doc_string(bookmark, "type"), "BOOKMARK");
    assert_string_equal(doc_string(bookmark, "object", "kind"), "ConfigMap");
    assert_true(*version_of(doc_at(bookmark, "object")));
    while ((later = next_event(w, true))) {
        assert_string_equal(doc_string(later, "type"), "BOOKMARK");
        json_decref(later);
    }
    watching_free(w);
}

static void metadata_alone(void **state)
{
    struct net_request request = kube_request_list(ROW(SECRET), SPACE, "sel", "metadata.name=sel-a", 0, NULL);
    _cleanup_json_ json_t *list = NULL;
    const json_t *item;

    (void)state;
    request.accept = "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    list = expect(200, request);
    assert_string_equal(doc_string(list, "kind"), "PartialObjectMetadataList");
    item = json_array_get(doc_at(list, "items"), 0);
    assert_string_equal(doc_string(item, "metadata", "name"), "sel-a");
    assert_null(doc_at(item, "type"));
}

const struct CMUnitTest conformance_reads[] = {
    cmocka_unit_test(discovery_says_what_is_served),
    cmocka_unit_test(lists_come_in_pages_of_one_version),
    cmocka_unit_test(selectors_choose),
    cmocka_unit_test(watches_tell_in_order),
    cmocka_unit_test(watches_see_objects_enter_and_leave_a_selector),
    cmocka_unit_test(watch_from_a_forgotten_version_says_so),
    cmocka_unit_test(watch_ends_in_time_behind_a_bookmark),
    cmocka_unit_test(metadata_alone),
    {NULL},
};
