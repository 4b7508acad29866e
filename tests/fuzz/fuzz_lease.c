#include <string.h>

#include "base/str.h"
#include "doc/doc.h"
#include "fuzz.h"
#include "kube/lease.h"

#define DURATION SECONDS(15)

/*
 * Leases, divided by form feeds, as answers and events bring them: whoever is said to hold it, this process writes only
 * while it leads, and never longer than for the duration.
 */
static void check(struct kube_lease *l, msec_t now)
{
    msec_t not_after = 0;

    MUST(kube_lease_holder(l) && kube_lease_reason(l) && kube_lease_error(l));
    if (!kube_lease_may_send(l, now, &not_after))
        return;
    MUST(kube_lease_leads(l));
    MUST(not_after > now && not_after < now + DURATION);
}

static void check_body(const struct kube_lease *l)
{
    _cleanup_free_ char *text = kube_lease_body(l, SECONDS(1545000000));
    _cleanup_json_ json_t *body = NULL;
    int64_t transitions;
    msec_t acquired;

    MUST(doc_parse(text, strlen(text), SIZE_MAX, &body, NULL) == 0);
    transitions = doc_int(doc_at(body, "spec", "leaseTransitions"), -1);
    /* A server takes it, whatever the one before was. */
    MUST(str_eq(doc_string(body, "kind"), "Lease"));
    MUST(str_eq(doc_string(body, "metadata", "name"), "istio-operator"));
    MUST(str_eq(doc_string(body, "metadata", "namespace"), "istio-system"));
    MUST(str_eq(doc_string(body, "spec", "holderIdentity"), "me"));
    MUST(transitions >= 0 && transitions <= INT32_MAX);
    MUST(clock_parse_rfc3339(str_or(doc_string(body, "spec", "acquireTime"), ""), &acquired));
}

static void take(struct kube_lease *l, msec_t now, const json_t *object)
{
    enum kube_lease_step step = kube_lease_step(l, now);

    check(l, now);
    if (step == KUBE_LEASE_WAIT) {
        kube_lease_seen(l, now, object);
    } else {
        if (step != KUBE_LEASE_READ)
            check_body(l);
        kube_lease_answer(l, now, object);
    }
    check(l, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kube_lease_options options = {.ns = "istio-system",
                                               .name = "istio-operator",
                                               .identity = "me",
                                               .duration = DURATION,
                                               .renew_deadline = SECONDS(10),
                                               .retry_period = SECONDS(2)};
    struct fuzz_input in = {(const char *)data, size};
    _cleanup_kube_lease_ struct kube_lease *l = kube_lease_new(&options);
    msec_t now = SECONDS(1);

    while (in.left) {
        _cleanup_json_ json_t *object = fuzz_next_json(&in);
        for (int i = 0; i < 3; i++, now += SECONDS(3))
            take(l, now, object);
    }
    /* Whatever it was, it is over some time. */
    now += KUBE_LEASE_MOST;
    for (int i = 0; i < 4; i++) {
        (void)kube_lease_step(l, now);
        MUST(kube_lease_due(l) <= now + KUBE_LEASE_MOST || kube_lease_due(l) == MSEC_NEVER);
        check(l, now);
    }
    return 0;
}
