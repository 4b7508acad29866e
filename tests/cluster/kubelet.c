#include "kubelet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "doc/build.h"
#include "doc/doc.h"
#include "harness.h"

#define EVERY_MS 200

static pid_t kubelets[KUBELETS_MOST];
static size_t kubelets_len;

/* The address follows from the Pod's uid: a new Pod has another one. */
static json_t *ready_status(const json_t *pod)
{
    const char *uid = doc_string(pod, "metadata", "uid");
    unsigned number = (unsigned)str_hash(uid, strlen(uid));
    _cleanup_free_ char *ip = str_printf("10.%u.%u.%u", 128 + number % 64, number / 64 % 256, 1 + number / 16384 % 254);

    return OBJECT(
        MAP("status",
            STRING("phase", "Running"),
            STRING("podIP", ip),
            SEQ("podIPs", ITEM(STRING("ip", ip))),
            SEQ("conditions",
                ITEM(STRING("type", "PodScheduled"), STRING("status", "True")),
                ITEM(STRING("type", "Initialized"), STRING("status", "True")),
                ITEM(STRING("type", "ContainersReady"), STRING("status", "True")),
                ITEM(STRING("type", "Ready"), STRING("status", "True")))));
}

/* What the server does not take is tried again in the next turn: servers are killed in these tests. */
static void run_pod(const struct kube_kind *kind, const json_t *pod)
{
    _cleanup_json_ json_t *status = ready_status(pod);
    _cleanup_free_ char *patch = doc_text(status);

    cluster_try(kube_request_merge_patch(
        kind, "v1", doc_string(pod, "metadata", "namespace"), doc_string(pod, "metadata", "name"), "status", patch));
}

static void run_pods(const char *kubeconfig)
{
    const struct kube_kind *kind = kind_of("v1", "Pod");

    harness_reconnect(kubeconfig);
    for (;; pause_ms(EVERY_MS)) {
        _cleanup_json_ json_t *pods = cluster_list(kind, NULL);
        json_t *pod;
        size_t i;
        json_array_foreach(pods, i, pod)
            if (str_eq(doc_string(pod, "status", "phase"), "Pending"))
                run_pod(kind, pod);
    }
}

void kubelet_start(const char *kubeconfig)
{
    pid_t parent = getpid(), pid;

    assert_true(kubelets_len < KUBELETS_MOST);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        kubelets[kubelets_len++] = pid;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        run_pods(kubeconfig);
    _exit(0);
}

void kubelets_stop(void)
{
    while (kubelets_len) {
        pid_t pid = kubelets[--kubelets_len];
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}
