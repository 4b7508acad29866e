#include "reconcile/ports.h"

#include "base/str.h"
#include "doc/doc.h"

static bool is_among(const json_t *port, const int *numbers)
{
    json_int_t number = doc_int(doc_at(port, "port"), 0);

    while (*numbers && *numbers != number)
        numbers++;
    return *numbers;
}

static bool has_place(const json_t *desired, const json_t *port)
{
    json_t *other;
    size_t i;

    json_array_foreach((json_t *)desired, i, other)
        if (json_equal(doc_at(other, "port"), doc_at(port, "port")) ||
            str_eq(doc_string(other, "name"), doc_string(port, "name")))
            return false;
    return true;
}

bool ports_keep(json_t *desired, const json_t *live, const int *numbers)
{
    json_t *ports = doc_at(desired, "spec", "ports"), *port, *kept;
    bool any = false;
    size_t i;

    if (!json_is_array(ports))
        return false;
    json_array_foreach(doc_at(live, "spec", "ports"), i, port) {
        if (!is_among(port, numbers) || !has_place(ports, port))
            continue;
        kept = doc_copy(port);
        /* The server's, as of other ports: it stays when the port is desired again, without a node port of its own. */
        json_object_del(kept, "nodePort");
        json_array_append_new(ports, kept);
        any = true;
    }
    return any;
}
