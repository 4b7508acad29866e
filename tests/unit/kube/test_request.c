/* What is sent to the API server, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "kube/request.h"

static const struct kube_kind services = {.kind = "Service", .plural = "services", .group = "", .namespaced = true};
static const struct kube_kind secrets = {
    .kind = "Secret", .is_secret = true, .plural = "secrets", .group = "", .namespaced = true};
static const struct kube_kind roles = {
    .kind = "ClusterRole", .plural = "clusterroles", .group = "rbac.authorization.k8s.io"};

struct expected {
    enum net_method method;
    const char *path;
    const char *body;
    const char *content_type;
    bool secret;
};

/* Takes over the request. */
static void check(struct net_request r, struct expected want)
{
    assert_int_equal(r.method, want.method);
    assert_string_equal(r.path, want.path);
    if (want.body) {
        assert_string_equal(r.body, want.body);
        assert_int_equal(r.body_len, strlen(want.body));
    } else {
        assert_null(r.body);
        assert_int_equal(r.body_len, 0);
    }
    assert_true(str_eq(r.content_type, want.content_type));
    assert_int_equal(r.secret, want.secret);
    assert_int_equal(r.timeout, 0);
    net_request_release(&r);
    assert_null(r.path);
    assert_null(r.body);
}

static void test_reads(void **state)
{
    (void)state;
    check(kube_request_get(&services, "v1", "default", "web"),
          (struct expected){NET_GET, "/api/v1/namespaces/default/services/web"});
    check(kube_request_get(&roles, "v1beta1", NULL, "system:a"),
          (struct expected){NET_GET, "/apis/rbac.authorization.k8s.io/v1beta1/clusterroles/system%3Aa"});
    check(kube_request_get(&secrets, "v1", "default", "key"),
          (struct expected){NET_GET, "/api/v1/namespaces/default/secrets/key", .secret = true});
    check(kube_request_list(&services, "v1", NULL, NULL, NULL, 0, NULL),
          (struct expected){NET_GET, "/api/v1/services"});
    check(kube_request_list(&services, "v1", "default", "app=web,tier in (a, b)", "metadata.name=x", 500, "a+b/c=="),
          (struct expected){NET_GET, "/api/v1/namespaces/default/services?limit=500&continue=a%2Bb%2Fc%3D%3D"
                                     "&labelSelector=app%3Dweb%2Ctier%20in%20%28a%2C%20b%29"
                                     "&fieldSelector=metadata.name%3Dx"});
    check(kube_request_list(&roles, "v1", NULL, "owner", NULL, 0, NULL),
          (struct expected){NET_GET, "/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=owner"});
}

static void test_watches(void **state)
{
    (void)state;
    check(kube_request_watch(&services, "v1", NULL, NULL, NULL, "42", 300),
          (struct expected){
              NET_GET, "/api/v1/services?watch=true&allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=300"});
    check(kube_request_watch(&services, "v1", "default", "a/b=c", "metadata.name=x", NULL, 0),
          (struct expected){NET_GET, "/api/v1/namespaces/default/services?watch=true&allowWatchBookmarks=true"
                                     "&labelSelector=a%2Fb%3Dc&fieldSelector=metadata.name%3Dx"});
}

static void test_writes(void **state)
{
    (void)state;
    check(kube_request_create(&services, "v1", "default", "{\"a\":1}"),
          (struct expected){NET_POST, "/api/v1/namespaces/default/services", "{\"a\":1}"});
    check(kube_request_create(&secrets, "v1", "default", "{}"),
          (struct expected){NET_POST, "/api/v1/namespaces/default/secrets", "{}", .secret = true});
    check(kube_request_update(&roles, "v1", NULL, "reader", "{}"),
          (struct expected){NET_PUT, "/apis/rbac.authorization.k8s.io/v1/clusterroles/reader", "{}"});
    check(kube_request_update_status(&services, "v1", "default", "web", "{}"),
          (struct expected){NET_PUT, "/api/v1/namespaces/default/services/web/status", "{}"});
    check(
        kube_request_merge_patch(&services, "v1", "default", "web", NULL, "{}"),
        (struct expected){NET_PATCH, "/api/v1/namespaces/default/services/web", "{}", "application/merge-patch+json"});
    check(kube_request_merge_patch(&services, "v1", "default", "web", "status", "{}"),
          (struct expected){NET_PATCH, "/api/v1/namespaces/default/services/web/status", "{}",
                            "application/merge-patch+json"});
}

/* Dependents go in the background; an object that was made again, or changed meanwhile, is left alone. */
static void test_delete(void **state)
{
    (void)state;
    check(kube_request_delete(&services, "v1", "default", "web", NULL, NULL),
          (struct expected){NET_DELETE, "/api/v1/namespaces/default/services/web",
                            "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}"});
    check(kube_request_delete(&services, "v1", "default", "web", "1-2\"3", NULL),
          (struct expected){NET_DELETE, "/api/v1/namespaces/default/services/web",
                            "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
                            "\"preconditions\":{\"uid\":\"1-2\\\"3\"},\"propagationPolicy\":\"Background\"}"});
    check(kube_request_delete(&services, "v1", "default", "web", "1", "7"),
          (struct expected){NET_DELETE, "/api/v1/namespaces/default/services/web",
                            "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
                            "\"preconditions\":{\"resourceVersion\":\"7\",\"uid\":\"1\"},"
                            "\"propagationPolicy\":\"Background\"}"});
}

static void metadata_alone_is_asked_for_where_the_kind_says_so(void **state)
{
    struct kube_kind kind = services;
    struct net_request list, watch;

    (void)state;
    list = kube_request_list(&kind, "v1", NULL, NULL, NULL, 0, NULL);
    assert_null(list.accept);
    net_request_release(&list);
    kind.metadata_only = true;
    list = kube_request_list(&kind, "v1", NULL, NULL, NULL, 0, NULL);
    watch = kube_request_watch(&kind, "v1", NULL, NULL, NULL, "1", 60);
    /* A server that does not know it sends the whole. */
    assert_string_equal(list.accept,
                        "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json");
    assert_string_equal(watch.accept,
                        "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json");
    net_request_release(&list);
    net_request_release(&watch);
}

static void test_raw(void **state)
{
    (void)state;
    check(net_request_new(NET_GET, "/version?timeout=32s", NULL), (struct expected){NET_GET, "/version?timeout=32s"});
    assert_string_equal(net_method_name(NET_GET), "GET");
    assert_string_equal(net_method_name(NET_POST), "POST");
    assert_string_equal(net_method_name(NET_PUT), "PUT");
    assert_string_equal(net_method_name(NET_PATCH), "PATCH");
    assert_string_equal(net_method_name(NET_DELETE), "DELETE");
}

static void test_escaping(void **state)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"", ""},
        {"AZaz09-._~", "AZaz09-._~"},
        {"a b+c&d=e?f#g%/", "a%20b%2Bc%26d%3De%3Ff%23g%25%2F"},
        {"\xc3\xbc\x7f\x01", "%C3%BC%7F%01"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT;
        kube_add_escaped(&b, cases[i].text);
        assert_string_equal(buf_str(&b), cases[i].escaped);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_watches),
        cmocka_unit_test(test_writes),   cmocka_unit_test(metadata_alone_is_asked_for_where_the_kind_says_so),
        cmocka_unit_test(test_delete),   cmocka_unit_test(test_raw),
        cmocka_unit_test(test_escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
