#include "control.h"

#include <inttypes.h>

#include "base/str.h"
#include "doc/doc.h"

static struct virtual *cluster_of(struct apiserver *a, const char *name, struct buf *answer)
{
    struct virtual *v = apiserver_find(a, name);

    if (!v)
        buf_printf(answer, "error: no cluster %s\n", name);
    return v;
}

static void set_fault(struct apiserver *a, char **words, struct buf *answer)
{
    bool all = str_eq(words[1], "all"), known = true;
    struct virtual *v = all ? NULL : cluster_of(a, words[1], answer);

    if (!all && !v)
        return;
    for (size_t i = 0; all && known && (v = apiserver_next(a, &i));)
        known = virtual_set_fault(v, words[2]);
    if (!all)
        known = virtual_set_fault(v, words[2]);
    if (known)
        buf_add_str(answer, "ok\n");
    else
        buf_printf(answer, "error: no fault %s\n", words[2]);
}

static void compact(struct apiserver *a, char **words, struct buf *answer)
{
    struct virtual *v = cluster_of(a, words[1], answer);

    if (!v)
        return;
    server_compact(virtual_server(v));
    buf_add_str(answer, "ok\n");
}

static bool has_address(const json_t *endpoints, const char *ip)
{
    const json_t *subsets = doc_at(endpoints, "subsets");

    for (size_t i = 0; i < json_array_size(subsets); i++)
        if (doc_find(doc_at(json_array_get(subsets, i), "addresses"), "ip", ip))
            return true;
    return false;
}

static void find_endpoints(struct apiserver *a, char **words, struct buf *answer)
{
    int64_t last = 0;
    size_t count = 0;
    struct virtual *v;

    for (size_t i = 0; (v = apiserver_next(a, &i));) {
        const struct collection *kind = server_find(virtual_server(v), "", "endpoints");
        if (!has_address(server_get(kind, words[1], words[2]), words[3]))
            continue;
        count++;
        if (virtual_endpoints_written(v) > last)
            last = virtual_endpoints_written(v);
    }
    buf_printf(answer, "%zu %" PRId64 "\n", count, last);
}

static long memory_kb(void)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    int64_t kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && getline(&line, &size, f) > 0)
        if (str_starts(line, "VmRSS:"))
            kb = strtol(line + strlen("VmRSS:"), NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static void count(struct apiserver *a, char **words, struct buf *answer)
{
    const struct virtual_world *world = apiserver_world(a);
    size_t clusters = 0;

    (void)words;
    for (size_t i = 0; apiserver_next(a, &i);)
        clusters++;
    buf_printf(answer, "clusters %zu connections %zu watches %zu requests %" PRIu64 " writes %" PRIu64 " rss_kb %ld\n",
               clusters, apiserver_connections(a), world->watches, world->requests, world->writes, memory_kb());
}

static const struct {
    const char *name;
    size_t arguments;
    void (*run)(struct apiserver *a, char **words, struct buf *answer);
} commands[] = {
    {"fault", 2, set_fault},
    {"compact", 1, compact},
    {"endpoints", 3, find_endpoints},
    {"count", 0, count},
};

void control_command(struct apiserver *a, const char *line, struct buf *answer)
{
    _cleanup_strv_ char **words = str_split(line, ' ');

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!str_eq(commands[i].name, words[0]) || strv_len(words) != commands[i].arguments + 1)
            continue;
        commands[i].run(a, words, answer);
        return;
    }
    buf_printf(answer, "error: no command: %s\n", line);
}
