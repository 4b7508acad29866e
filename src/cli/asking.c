#include "cli/asking.h"

#include <string.h>

#include "base/str.h"
#include "cli/credentials.h"
#include "doc/doc.h"
#include "net/loop.h"

#define ANSWER_MAX_BYTES ((size_t)64 << 20)

int asking_begin(const struct invocation *inv, struct asking *ret, struct err *e)
{
    *ret = (struct asking){.loop = event_base_new(), .began = clock_now_monotonic()};
    if (credentials_timeout(inv, &ret->timeout, e) < 0 || credentials_load(inv, &ret->config, e) < 0)
        return -1;
    return kube_client_new(ret->loop, ret->config, NULL, &ret->client, e);
}

void asking_end(struct asking *a)
{
    net_client_free_p(&a->client);
    kube_config_free_p(&a->config);
    loop_free_p(&a->loop);
}

msec_t asking_left(const struct asking *a)
{
    msec_t left = a->began + a->timeout - clock_now_monotonic();

    return left > 0 ? left : 0;
}

int asking_send(const struct asking *a, struct net_request request, json_t **ret, struct err *e)
{
    msec_t left = asking_left(a);
    char name[256];
    struct err why;

    net_request_name(&request, name, sizeof(name));
    if (left == 0) {
        net_request_release(&request);
    } else {
        /* The request ends with the loop, also while it waits for credentials. */
        event_base_loopexit(a->loop, &(struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000});
        if (net_client_wait_json(a->client, &request, ANSWER_MAX_BYTES, ret, &why) == 0)
            return 0;
        if (why.class != ERR_CANCELLED) {
            *e = why;
            return credentials_name_server(a->config, e);
        }
    }
    return err_set(e, ERR_TIMEOUT, "%s: no answer to %s within %lld s", a->config->server, name,
                   (long long)a->timeout / 1000);
}

int asking_list(const struct asking *a, struct net_request request, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path = str_dup_n(request.path, strcspn(request.path, "?"));
    _cleanup_json_ json_t *list = NULL;

    if (asking_send(a, request, &list, e) < 0)
        return -1;
    if (!json_is_array(doc_at(list, "items")) && !str_ends(str_or(doc_string(list, "kind"), ""), "List"))
        return err_set(e, ERR_UNAVAILABLE, "%s: the answer to GET %s is not a list", a->config->server, path);
    *ret = TAKE_PTR(list);
    return 0;
}

int asking_version(const struct asking *a, json_t **ret, struct err *e)
{
    struct err why;

    if (asking_send(a, net_request_new(NET_GET, "/version", NULL), ret, &why) < 0)
        return err_set(e, why.class == ERR_NOT_FOUND ? ERR_UNAVAILABLE : why.class, "%s", why.text);
    return credentials_check_version(a->config, *ret, e);
}
