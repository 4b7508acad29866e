/* The client against a real API server, where it takes one to see what must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/str.h"
#include "harness.h"

enum { AT_A_TIME = 64, ALL = 20000 };

static struct {
    int under_way, sent, told;
    char *otherwise; /* what one was told instead */
} refused;

static void send_some(void);

static void on_refused(void *context, const struct net_response *response, const struct err *e)
{
    (void)context;
    refused.under_way--;
    if (e && e->class == ERR_NOT_FOUND)
        refused.told++;
    else if (!refused.otherwise)
        refused.otherwise = e ? str_dup(e->text) : str_printf("status %d", response->status);
    send_some();
}

static void send_some(void)
{
    for (; refused.under_way < AT_A_TIME && refused.sent < ALL; refused.under_way++, refused.sent++) {
        struct net_request request =
            net_request_new(NET_POST, "/apis/config.istio.io/v1alpha2/namespaces/" NS "/nothings", "{\"a\": 1}");
        net_client_send(h.client, &request, NULL, on_refused, NULL);
    }
    if (!refused.under_way)
        event_base_loopbreak(h.loop);
}

/* A server that needs no body to say no says it before the body has come, and ends the stream. */
static void what_is_refused_before_its_body_came_is_reported(void **state)
{
    (void)state;
    send_some();
    event_base_dispatch(h.loop);
    if (refused.otherwise)
        fail_msg("%d of %d were told that it is not there, one: %s", refused.told, ALL, refused.otherwise);
    assert_int_equal(refused.told, ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_before_its_body_came_is_reported),
    };

    return cmocka_run_group_tests_name("cluster client", tests, harness_setup, harness_teardown);
}
