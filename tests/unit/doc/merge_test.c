#include "documents.h"

#include <strings.h>

#include "base/buf.h"
#include "doc/merge.h"

static const struct merge_key keys[] = {{"containers", "name"},
                                        {"env", "name"},
                                        {"ports", "containerPort"},
                                        {"ports", "port"},
                                        {"sockets", "port", "protocol", "TCP"},
                                        {"webhooks", "name"},
                                        {NULL, NULL}};
static const char *const open_maps[] = {"labels", NULL};
static const char *const unordered[] = {"set", NULL};
static const char *const whole[] = {"schema", NULL};

/* "2Gi" and "2048Mi", for cpu, memory and the arguments of a program. */
static bool same_quantity(const char *path, const json_t *desired, const json_t *live)
{
    const char *a = json_string_value(desired), *b = json_string_value(live);

    if (!str_ends(path, "memory") && !str_ends(path, "args[]"))
        return false;
    return (str_eq(a, "2Gi") && str_eq(b, "2048Mi")) || (str_eq(a, "2048Mi") && str_eq(b, "2Gi"));
}

static bool belongs_to_others(const void *context, const char *path)
{
    for (const char *const *p = context; p && *p; p++)
        if (str_eq(*p, path))
            return true;
    return false;
}

static const char *const foreign[] = {"spec.replicas", "webhooks[].clientConfig.caBundle", "webhooks[].failurePolicy",
                                      "status",        "metadata.labels.theirs",           NULL};

static const struct merge_rules rules = {.keys = keys,
                                         .unordered = unordered,
                                         .open = open_maps,
                                         .whole = whole,
                                         .empty_is_absent = true,
                                         .same = same_quantity,
                                         .foreign = belongs_to_others,
                                         .context = foreign};
static const struct merge_rules strict = {.keys = keys, .open = open_maps};

/* The changes as "+path ~path -path". */
static void list_changes(const struct merge *m, struct buf *out)
{
    for (size_t i = 0; i < m->change_count; i++)
        buf_printf(out, "%s%c%s", i ? " " : "", "+~-"[m->changes[i].type], m -> changes[i].path);
}

struct merge_case {
    const char *what;
    const char *last; /* what was desired then; its skeleton is used */
    const char *desired, *live;
    const char *result; /* NULL: live stays */
    const char *changes;
};

static void check_case(const struct merge_case *c, const struct merge_rules *r)
{
    _cleanup_json_ json_t *before = c->last ? doc(c->last) : NULL, *desired = doc(c->desired), *live = doc(c->live);
    _cleanup_json_ json_t *last = before ? merge_skeleton(before, r) : NULL;
    _cleanup_json_ json_t *next = merge_skeleton(desired, r), *result = doc(c->result ? c->result : c->live);
    _cleanup_buf_ struct buf changes = BUF_INIT;
    struct merge m, again;

    merge_three_way(last, desired, live, r, &m);
    list_changes(&m, &changes);
    if (!doc_equal(m.result, result) || !str_eq(buf_str(&changes), c->changes))
        print_error("case: %s\n", c->what);
    assert_doc_equal(m.result, result);
    assert_string_equal(buf_str(&changes), c->changes);
    merge_three_way(next, desired, m.result, r, &again);
    if (again.change_count)
        print_error("case: %s: again: %s\n", c->what, again.changes[0].path);
    assert_int_equal(again.change_count, 0);
    merge_release(&m);
    merge_release(&again);
}

static const struct merge_case cases[] = {
    /* fields of maps */
    {"settled", "{'a': 1}", "{'a': 1}", "{'a': 1}", NULL, ""},
    {"ours differs", "{'a': 1}", "{'a': 1}", "{'a': 2}", "{'a': 1}", "~a"},
    {"ours is missing", "{'a': 1}", "{'a': 1}", "{}", "{'a': 1}", "+a"},
    {"not desired any more", "{'a': 1, 'b': 2}", "{'a': 1}", "{'a': 1, 'b': 7}", "{'a': 1}", "-b"},
    {"not desired any more and gone", "{'a': 1, 'b': 2}", "{'a': 1}", "{'a': 1}", NULL, ""},
    {"others' fields stay", "{'a': 1}", "{'a': 1}", "{'a': 1, 'b': {'c': [1]}}", NULL, ""},
    {"adopted without a skeleton", NULL, "{'a': {'b': 1}}", "{'a': {'b': 2, 'c': 3}, 'd': 4}",
     "{'a': {'b': 1, 'c': 3}, 'd': 4}", "~a.b"},
    {"a map is let go whole, with the server's defaults", "{'v': {'secret': {'secretName': 'x'}}}",
     "{'v': {'configMap': {'name': 'x'}}}", "{'v': {'secret': {'secretName': 'x', 'defaultMode': 420}}}",
     "{'v': {'configMap': {'name': 'x'}}}", "-v.secret +v.configMap"},
    {"a map with free keys keeps those of others", "{'labels': {'a.b/c': '1', 'd': '2'}}", "{}",
     "{'labels': {'a.b/c': '1', 'd': '2', 'e': '3'}}", "{'labels': {'e': '3'}}", "-labels[\"a.b/c\"] -labels.d"},
    {"a map with free keys goes when nothing is left", "{'labels': {'a': '1'}}", "{}", "{'labels': {'a': '1'}}", "{}",
     "-labels"},
    {"scalar becomes map", "{'a': 1}", "{'a': {'b': 1}}", "{'a': 1}", "{'a': {'b': 1}}", "~a"},
    {"map becomes scalar", "{'a': {'b': 1}}", "{'a': 1}", "{'a': {'b': 1, 'c': 2}}", "{'a': 1}", "~a"},
    {"sequence becomes map", "{'a': [1]}", "{'a': {'b': 1}}", "{'a': [1]}", "{'a': {'b': 1}}", "~a"},
    {"type of a scalar", "{'a': '1'}", "{'a': '1'}", "{'a': 1}", "{'a': '1'}", "~a"},
    {"1 is 1.0", "{'a': 1}", "{'a': 1}", "{'a': 1.0}", NULL, ""},
    {"an emptyDir is let go though it is empty", "{'v': {'emptyDir': {}}}", "{'v': {'hostPath': 1}}",
     "{'v': {'emptyDir': {}}}", "{'v': {'hostPath': 1}}", "-v.emptyDir +v.hostPath"},

    /* empty and absent */
    {"empty desired, absent live", NULL, "{'a': '', 'b': 0, 'c': false, 'd': null, 'e': {}, 'f': [], 'g': 0.0}", "{}",
     NULL, ""},
    {"empty desired, null live", NULL, "{'a': '', 'e': {}, 'f': []}", "{'a': null, 'e': null, 'f': null}", NULL, ""},
    {"null desired, empty live", NULL, "{'a': null, 'b': null}", "{'a': '', 'b': {}}", NULL, ""},
    {"null desired, something live", NULL, "{'a': null}", "{'a': 1}", "{'a': null}", "~a"},
    {"empty desired, something live", NULL, "{'a': '', 'b': 0, 'c': false, 'f': []}",
     "{'a': 'x', 'b': 1, 'c': true, 'f': [1]}", "{'a': '', 'b': 0, 'c': false, 'f': []}", "~a ~b ~c ~f"},
    {"data emptied", "{'data': {'a': 'x'}}", "{'data': {}}", "{'data': {'a': 'x', 'b': 'theirs'}}",
     "{'data': {'b': 'theirs'}}", "-data.a"},
    {"something desired, empty live", NULL, "{'a': 'x', 'e': {'f': 1}}", "{'a': '', 'e': {}}",
     "{'a': 'x', 'e': {'f': 1}}", "~a +e.f"},
    {"different empty values are different", NULL, "{'a': ''}", "{'a': 0}", "{'a': ''}", "~a"},

    /* scalars that mean the same */
    {"same quantity", NULL, "{'limits': {'memory': '2Gi', 'x': '2Gi'}}",
     "{'limits': {'memory': '2048Mi', 'x': '2048Mi'}}", "{'limits': {'memory': '2048Mi', 'x': '2Gi'}}", "~limits.x"},
    {"same quantity in a sequence", NULL, "{'args': ['a', '2Gi']}", "{'args': ['a', '2048Mi']}", NULL, ""},

    /* sequences of scalars */
    {"replaced whole", "{'args': ['a']}", "{'args': ['a', 'b']}", "{'args': ['a', 'c', 'd']}", "{'args': ['a', 'b']}",
     "~args"},
    {"order counts", NULL, "{'args': ['a', 'b']}", "{'args': ['b', 'a']}", "{'args': ['a', 'b']}", "~args"},
    {"let go", "{'args': ['a']}", "{}", "{'args': ['a', 'c']}", "{}", "-args"},
    {"mixed", NULL, "{'x': [1, {'a': 1}]}", "{'x': [1, {'a': 1, 'b': 2}]}", "{'x': [1, {'a': 1}]}", "~x"},
    {"sequences in sequences", NULL, "{'x': [[1], [2]]}", "{'x': [[1.0], [2]]}", NULL, ""},

    /* sequences of maps with a key */
    {"containers: others' fields and containers stay", "{'containers': [{'name': 'a', 'image': '1'}]}",
     "{'containers': [{'name': 'a', 'image': '2'}]}",
     "{'containers': [{'name': 's'}, {'name': 'a', 'image': '1', 'pull': 'Always'}]}",
     "{'containers': [{'name': 's'}, {'name': 'a', 'image': '2', 'pull': 'Always'}]}", "~containers[a].image"},
    {"containers: ours is removed, others' stay", "{'containers': [{'name': 'a'}, {'name': 'b'}]}",
     "{'containers': [{'name': 'b'}]}", "{'containers': [{'name': 's'}, {'name': 'a', 'x': 1}, {'name': 'b'}]}",
     "{'containers': [{'name': 's'}, {'name': 'b'}]}", "-containers[a]"},
    {"containers: a field is let go", "{'containers': [{'name': 'a', 'image': '1', 'tty': true}]}",
     "{'containers': [{'name': 'a', 'image': '1'}]}", "{'containers': [{'name': 'a', 'image': '1', 'tty': true}]}",
     "{'containers': [{'name': 'a', 'image': '1'}]}", "-containers[a].tty"},
    {"containers: none desired any more", "{'containers': [{'name': 'a'}]}", "{'containers': []}",
     "{'containers': [{'name': 'a'}, {'name': 's'}]}", "{'containers': [{'name': 's'}]}", "-containers[a]"},
    {"containers: the field is let go, others' stay", "{'containers': [{'name': 'a'}]}", "{}",
     "{'containers': [{'name': 'a'}, {'name': 's'}]}", "{'containers': [{'name': 's'}]}", "-containers[a]"},
    {"containers: the field is let go", "{'containers': [{'name': 'a'}]}", "{}", "{'containers': [{'name': 'a'}]}",
     "{}", "-containers"},
    {"new ones come behind their predecessors", NULL,
     "{'env': [{'name': 'n1'}, {'name': 'a'}, {'name': 'n2'}, {'name': 'n3'}, {'name': 'b'}]}",
     "{'env': [{'name': 's'}, {'name': 'a'}, {'name': 't'}, {'name': 'b'}, {'name': 'u'}]}",
     "{'env': [{'name': 's'}, {'name': 'n1'}, {'name': 'a'}, {'name': 'n2'}, {'name': 'n3'}, {'name': 't'},"
     " {'name': 'b'}, {'name': 'u'}]}",
     "+env[n1] +env[n2] +env[n3]"},
    {"new ones come last where not owned by the operator is live", NULL, "{'env': [{'name': 'a'}, {'name': 'b'}]}",
     "{'env': [{'name': 's'}, {'name': 't'}]}", "{'env': [{'name': 's'}, {'name': 't'}, {'name': 'a'}, {'name': 'b'}]}",
     "+env[a] +env[b]"},
    {"our order is restored, others keep their places", NULL, "{'env': [{'name': 'a'}, {'name': 'b'}, {'name': 'c'}]}",
     "{'env': [{'name': 'c'}, {'name': 's'}, {'name': 'a', 'x': 1}]}",
     "{'env': [{'name': 'a', 'x': 1}, {'name': 'b'}, {'name': 's'}, {'name': 'c'}]}", "+env[b] ~env"},
    {"ports: of containers", NULL, "{'ports': [{'containerPort': 80}]}",
     "{'ports': [{'containerPort': 90}, {'containerPort': 80, 'protocol': 'TCP'}]}", NULL, ""},
    {"ports: of a service", NULL, "{'ports': [{'port': 80, 'name': 'x'}]}",
     "{'ports': [{'port': 80, 'name': 'y', 'nodePort': 31000}]}",
     "{'ports': [{'port': 80, 'name': 'x', 'nodePort': 31000}]}", "~ports[80].name"},
    {"ports: a number and a text are two", NULL, "{'ports': [{'port': 80}]}", "{'ports': [{'port': '80'}]}",
     "{'ports': [{'port': '80'}, {'port': 80}]}", "+ports[80]"},
    {"ports: the same twice, by position", NULL,
     "{'ports': [{'port': 53, 'protocol': 'TCP'}, {'port': 53, 'protocol': 'UDP'}]}",
     "{'ports': [{'port': 53, 'protocol': 'TCP', 'nodePort': 1}, {'port': 53, 'protocol': 'TCP', 'nodePort': 2}]}",
     "{'ports': [{'port': 53, 'protocol': 'TCP', 'nodePort': 1}, {'port': 53, 'protocol': 'UDP', 'nodePort': 2}]}",
     "~ports[1].protocol"},
    {"ports: the same twice, another length", NULL,
     "{'ports': [{'port': 53, 'protocol': 'TCP'}, {'port': 53, 'protocol': 'UDP'}]}", "{'ports': [{'port': 53}]}",
     "{'ports': [{'port': 53, 'protocol': 'TCP'}, {'port': 53, 'protocol': 'UDP'}]}", "~ports"},
    {"sockets: one has no key, and gets it", "{'sockets': [{'port': 8080, 'x': 1}]}",
     "{'sockets': [{'name': 'a', 'port': 8080}, {'name': 'b', 'port': 90}]}",
     "{'sockets': [{'name': 'a', 'x': 5, 'protocol': 'UDP', 'y': 1}, {'name': 'o', 'port': 81}]}",
     "{'sockets': [{'name': 'a', 'port': 8080, 'y': 1}, {'name': 'b', 'port': 90}]}",
     "-sockets[0].x -sockets[0].protocol +sockets[0].port ~sockets[1].name ~sockets[1].port"},
    {"sockets: no protocol is TCP", NULL, "{'sockets': [{'port': 53, 'protocol': ''}]}", "{'sockets': [{'port': 53}]}",
     NULL, ""},

    /* sequences of maps without a key */
    {"by position, with what the server added", "{'rules': [{'a': 1, 'b': 1}]}", "{'rules': [{'a': 2}]}",
     "{'rules': [{'a': 1, 'b': 1, 'scope': '*'}]}", "{'rules': [{'a': 2, 'scope': '*'}]}", "~rules[0].a -rules[0].b"},
    {"another length", "{'rules': [{'a': 1}]}", "{'rules': [{'a': 1}, {'a': 2}]}",
     "{'rules': [{'a': 1, 'scope': '*'}]}", "{'rules': [{'a': 1}, {'a': 2}]}", "~rules"},
    {"a skeleton of another length says nothing", "{'rules': [{'a': 1, 'b': 1}, {'a': 1}]}", "{'rules': [{'a': 1}]}",
     "{'rules': [{'a': 1, 'b': 1}]}", NULL, ""},
    {"whatever the order, with what the server added", "{'set': [{'a': 1}, {'a': 2, 'b': 1}]}",
     "{'set': [{'a': 1}, {'a': 2}]}", "{'set': [{'a': 2, 's': 1}, {'a': 1, 's': 1}]}", NULL, ""},
    {"whatever the order, one of them changed", NULL, "{'set': [{'a': 1}, {'a': 2}, {'a': 3}]}",
     "{'set': [{'a': 3}, {'a': 7}, {'a': 1, 's': 1}]}", "{'set': [{'a': 3}, {'a': 2}, {'a': 1, 's': 1}]}", "~set[1].a"},
    {"whatever the order, the same twice", NULL, "{'set': [{'a': 1}, {'a': 1}, {'a': 2}]}",
     "{'set': [{'a': 2}, {'a': 1}, {'a': 2}]}", "{'set': [{'a': 2}, {'a': 1}, {'a': 1}]}", "~set[2].a"},
    {"whatever the order, another length", NULL, "{'set': [{'a': 1}, {'a': 2}]}", "{'set': [{'a': 2, 's': 1}]}",
     "{'set': [{'a': 1}, {'a': 2}]}", "~set"},
    {"let go", "{'rules': [{'a': 1}]}", "{}", "{'rules': [{'a': 1}, {'a': 2}]}", "{}", "-rules"},

    /* fields of others */
    {"the live value stays", "{'spec': {'replicas': 1}}", "{'spec': {'replicas': 1}}", "{'spec': {'replicas': 5}}",
     NULL, ""},
    {"its absence stays", NULL, "{'spec': {'replicas': 1, 'x': 1}}", "{'spec': {'x': 1}}", NULL, ""},
    {"its absence stays in a map that is new", NULL, "{'spec': {'replicas': 1, 'x': 1}}", "{}", "{'spec': {'x': 1}}",
     "+spec"},
    {"no map is made for it", NULL, "{'spec': {'replicas': 1}}", "{}", NULL, ""},
    {"a map replaces a scalar without it", NULL, "{'spec': {'replicas': 1}}", "{'spec': 3}", "{'spec': {}}", "~spec"},
    {"it stays when we want it no longer", "{'spec': {'replicas': 1}}", "{'spec': {}}", "{'spec': {'replicas': 5}}",
     NULL, ""},
    {"it stays when its map is let go", "{'spec': {'replicas': 1, 'x': 1}}", "{}",
     "{'spec': {'replicas': 5, 'x': 1, 'y': 2}}", "{'spec': {'replicas': 5}}", "~spec"},
    {"one value, as desired", "{'v': {'schema': {'a': 1}}}", "{'v': {'schema': {'a': 1}}}",
     "{'v': {'schema': {'a': 1}}}", NULL, ""},
    {"one value, with what is not desired", "{'v': {'schema': {'a': 1}}}", "{'v': {'schema': {'a': 1, 'c': {}}}}",
     "{'v': {'schema': {'a': 1, 'b': 2, 'c': {}}, 'd': 1}}", "{'v': {'schema': {'a': 1, 'c': {}}, 'd': 1}}",
     "~v.schema"},
    {"one value, no longer desired", "{'v': {'schema': {'a': 1}}}", "{'v': {}}", "{'v': {'schema': {'b': 1}}}",
     "{'v': {}}", "-v.schema"},
    {"a whole map of theirs", NULL, "{'status': {'a': 1}}", "{'status': {'a': 2, 'b': 3}}", NULL, ""},
    {"in elements", NULL,
     "{'webhooks': [{'name': 'a.b', 'failurePolicy': 'Ignore', 'clientConfig': {'caBundle': '', 'url': 'x'}}]}",
     "{'webhooks': [{'name': 'a.b', 'failurePolicy': 'Fail', 'clientConfig': {'caBundle': 'Zm9v', 'url': 'y'}}]}",
     "{'webhooks': [{'name': 'a.b', 'failurePolicy': 'Fail', 'clientConfig': {'caBundle': 'Zm9v', 'url': 'x'}}]}",
     "~webhooks[a.b].clientConfig.url"},
    {"a new element starts with our value", NULL, "{'webhooks': [{'name': 'a', 'failurePolicy': 'Ignore'}]}",
     "{'webhooks': []}", "{'webhooks': [{'name': 'a', 'failurePolicy': 'Ignore'}]}", "+webhooks[a]"},
};

static const struct merge_case strict_cases[] = {
    {"empty is something", NULL, "{'a': '', 'e': {}, 'n': null}", "{}", "{'a': '', 'e': {}, 'n': null}", "+a +e +n"},
    {"a peer's mTLS is put back", "{'peers': [{'mtls': {}}]}", "{'peers': [{'mtls': {}}]}", "{'peers': [{}]}",
     "{'peers': [{'mtls': {}}]}", "+peers[0].mtls"},
    {"null is not empty", NULL, "{'a': {}}", "{'a': null}", "{'a': {}}", "~a"},
    {"no field is foreign", NULL, "{'spec': {'replicas': 1}}", "{'spec': {'replicas': 2}}", "{'spec': {'replicas': 1}}",
     "~spec.replicas"},
};

static void merges(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_case(&cases[i], &rules);
    for (size_t i = 0; i < ARRAY_LEN(strict_cases); i++)
        check_case(&strict_cases[i], &strict);
}

static void nothing_live_is_created(void **state)
{
    _cleanup_json_ json_t *desired = doc("{'spec': {'replicas': 1, 'x': ''}}");
    struct merge m;

    (void)state;
    merge_three_way(NULL, desired, NULL, &rules, &m);
    assert_doc_equal(m.result, desired);
    assert_int_equal(m.change_count, 1);
    assert_string_equal(m.changes[0].path, "");
    assert_int_equal(m.changes[0].type, MERGE_ADD);
    merge_release(&m);
}

static void changes_carry_values(void **state)
{
    _cleanup_json_ json_t *last = doc("{'c': 1}"), *desired = doc("{'a': {'x': 1}, 'b': 2}"),
                          *live = doc("{'b': [1], 'c': 3}");
    struct merge m;

    (void)state;
    merge_three_way(last, desired, live, &rules, &m);
    assert_int_equal(m.change_count, 3);
    assert_doc(m.changes[0].before, "[1]");
    assert_doc(m.changes[0].after, "2");
    assert_doc(m.changes[1].before, "3");
    assert_null(m.changes[1].after);
    assert_null(m.changes[2].before);
    assert_doc(m.changes[2].after, "{'x': 1}");
    merge_release(&m);
}

static void summaries_are_short(void **state)
{
    _cleanup_json_ json_t *last = doc("{'spec': {'old': 1}}");
    _cleanup_json_ json_t *desired = doc("{'spec': {'containers': [{'name': 'a.b', 'image': 'x'}], 'n': 1},"
                                         " 'labels': {'a.b/c': 'x'}}");
    _cleanup_json_ json_t *live =
        doc("{'spec': {'containers': [{'name': 'a.b', 'image': 'y'}], 'old': 1}, 'labels': {}}");
    _cleanup_buf_ struct buf all = BUF_INIT, two = BUF_INIT, none = BUF_INIT;
    struct merge m;

    (void)state;
    merge_three_way(last, desired, live, &rules, &m);
    merge_summary(&m, 9, &all);
    assert_string_equal(buf_str(&all), "image differs, old removed, n added, labels[\"a.b/c\"] added");
    merge_summary(&m, 2, &two);
    assert_string_equal(buf_str(&two), "image differs, old removed (+2 more)");
    merge_release(&m);
    merge_three_way(last, desired, desired, &rules, &m);
    merge_summary(&m, 2, &none);
    assert_string_equal(buf_str(&none), "");
    merge_release(&m);
}

static void skeletons_hold_no_values(void **state)
{
    _cleanup_json_ json_t *desired = doc(
        "{'a': 'secret', 'b': null, 'args': ['secret'], 'none': [], 'map': {}, 'mixed': [1, {'a': 1}],"
        " 'containers': [{'name': 'x', 'password': 'secret', 'ports': [{'containerPort': 80, 'port': 'p', 'z': 9}]}],"
        " 'rules': [{'name': 'secret'}]}");
    _cleanup_json_ json_t *skeleton = merge_skeleton(desired, &rules);

    (void)state;
    assert_doc(skeleton,
               "{'a': 1, 'b': 1, 'args': 1, 'none': [], 'map': {}, 'mixed': 1,"
               " 'containers': [{'name': 'x', 'password': 1, 'ports': [{'containerPort': 80, 'port': 'p', 'z': 1}]}],"
               " 'rules': [{'name': 1}]}");
}

/* --- laws, on random documents --- */

static const char *const field_names[] = {"a",     "b",       "f",    "memory", "labels", "containers",
                                          "ports", "sockets", "list", "args",   "set"};

static json_t *random_value(uint64_t *seed, const char *field, int depth);

static json_t *random_scalar(uint64_t *seed)
{
    static const char *const scalars[] = {"1",    "2",     "''", "'x'",  "'2Gi'", "'2048Mi'",
                                          "true", "false", "0",  "null", "1.0"};

    return doc(scalars[next_random(seed, ARRAY_LEN(scalars))]);
}

static json_t *random_map(uint64_t *seed, int depth)
{
    json_t *map = json_object();

    for (unsigned n = next_random(seed, 5); n; n--) {
        const char *field = field_names[next_random(seed, ARRAY_LEN(field_names))];
        json_object_set_new(map, field, random_value(seed, field, depth - 1));
    }
    return map;
}

static json_t *random_seq(uint64_t *seed, const char *field, int depth)
{
    static const char *const names[] = {"p", "q", "r", "s", "t"};
    json_t *seq = json_array();

    for (unsigned n = next_random(seed, 4); n; n--) {
        json_t *element = str_eq(field, "args") || depth <= 0 ? random_scalar(seed) : random_map(seed, depth - 1);
        bool sockets = str_eq(field, "sockets"), ports = str_eq(field, "ports");
        if (json_is_object(element) && next_random(seed, 8))
            json_object_set_new(element,
                                ports     ? next_random(seed, 3) ? "port" : "containerPort"
                                : sockets ? "port"
                                          : "name",
                                json_string(names[next_random(seed, ARRAY_LEN(names))]));
        if (json_is_object(element) && sockets && next_random(seed, 2))
            json_object_set_new(element, "protocol", next_random(seed, 3) ? json_string("UDP") : random_scalar(seed));
        json_array_append_new(seq, element);
    }
    return seq;
}

static json_t *random_value(uint64_t *seed, const char *field, int depth)
{
    bool seq = str_eq(field, "containers") || str_eq(field, "ports") || str_eq(field, "sockets") ||
               str_eq(field, "list") || str_eq(field, "args") || str_eq(field, "set");

    if (seq && next_random(seed, 10))
        return random_seq(seed, field, depth);
    if (depth > 0 && next_random(seed, 2))
        return random_map(seed, depth);
    return random_scalar(seed);
}

/* The same document with some fields changed, dropped or added: live and desired have much in common. */
static json_t *random_variant(uint64_t *seed, const json_t *value, const char *field, int depth)
{
    const char *key;
    json_t *item, *copy;
    size_t i;

    if (!next_random(seed, 12))
        return random_value(seed, field, depth);
    if (json_is_object(value)) {
        copy = random_map(seed, next_random(seed, 2) ? 0 : depth);
        json_object_foreach((json_t *)value, key, item)
            if (next_random(seed, 8))
                json_object_set_new(copy, key, random_variant(seed, item, key, depth - 1));
        return copy;
    }
    if (json_is_array(value)) {
        copy = next_random(seed, 4) ? json_array() : random_seq(seed, field, depth);
        json_array_foreach(value, i, item)
            if (next_random(seed, 8))
                json_array_insert_new(copy, next_random(seed, 4) ? json_array_size(copy) : 0,
                                      random_variant(seed, item, "", depth - 1));
        return copy;
    }
    return doc_copy(value);
}

static bool is_f(const void *context, const char *path)
{
    (void)context;
    return str_ends(path, ".f") || str_eq(path, "f");
}

/* The documents that a law is checked on, to be shown where it does not hold. */
static const json_t *inputs[3];

static void law(bool holds)
{
    static const char *const names[] = {"last", "desired", "live"};

    for (size_t i = 0; !holds && i < ARRAY_LEN(inputs); i++) {
        _cleanup_free_ char *text = inputs[i] ? doc_text(inputs[i]) : str_dup("nothing");
        print_error("%-6s %s\n", names[i], text);
    }
    assert_true(holds);
}

static void law_equal(const json_t *a, const json_t *b)
{
    law(doc_equal(a, b));
}

/* What is only live is in the result. Elements of sequences have laws of their own, see the cases. */
static void assert_survives(const json_t *last, const json_t *desired, const json_t *live, const json_t *result,
                            const struct merge_rules *r)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)live, key, value) {
        const json_t *w = json_object_get(desired, key), *l = json_object_get(last, key),
                     *kept = json_object_get(result, key);

        if ((!w && !l) || (r->foreign && str_eq(key, "f")))
            law_equal(kept, value);
        else if (json_is_object(w) && json_is_object(value))
            assert_survives(l, w, value, kept, r);
        else if (!w && r->open && str_eq(key, "labels") && json_is_object(l) && json_is_object(value))
            assert_survives(l, NULL, value, kept, r);
        else if (!w && !json_is_array(value) && !r->foreign && !(r->open && str_eq(key, "labels")))
            law(!kept);
    }
}

static bool is_nothing(const json_t *v)
{
    if (json_is_string(v))
        return !json_string_length(v);
    if (json_is_number(v))
        return json_number_value(v) == 0;
    return !json_is_true(v) && !json_object_size(v) && !json_array_size(v);
}

/* What is desired is in the result. */
static void assert_granted(const json_t *desired, const json_t *result, const struct merge_rules *r)
{
    const char *key;
    json_t *value;
    size_t i;

    if (r->empty_is_absent && is_nothing(desired) && (!result || is_nothing(result)))
        return;
    if (json_is_object(desired)) {
        json_object_foreach((json_t *)desired, key, value) {
            const json_t *got = json_object_get(result, key);
            /* a map may be left out where all of it is another client's */
            if (!(r->foreign && (str_eq(key, "f") || (!got && json_is_object(value)))))
                assert_granted(value, got, r);
        }
    } else if (json_is_array(desired)) {
        law(json_is_array(result) && json_array_size(result) >= json_array_size(desired));
        /* elements of others stand among ours only where all have keys */
        bool keyed = json_array_size(result) > json_array_size(desired);
        json_array_foreach(desired, i, value) {
            const char *name = doc_string(value, "name");
            if (!keyed)
                assert_granted(value, json_array_get(result, i), r);
            else if (name)
                assert_granted(value, doc_find(result, "name", name), r);
        }
    } else if (!doc_equal(desired, result)) {
        law(r->same && json_is_string(desired) && json_is_string(result));
    }
}

static void empty_out(json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    json_object_foreach(value, key, item)
        empty_out(item);
    json_array_foreach(value, i, item)
        empty_out(item);
    json_object_clear(value);
    json_array_clear(value);
}

static void check_stays(const json_t *last, const json_t *desired, const json_t *result, const struct merge_rules *r)
{
    struct merge again;

    merge_three_way(last, desired, result, r, &again);
    law(again.change_count == 0);
    law_equal(again.result, result);
    merge_release(&again);
}

static void check_laws(const json_t *last_desired, const json_t *desired, const json_t *live,
                       const struct merge_rules *r)
{
    _cleanup_json_ json_t *last = last_desired ? merge_skeleton(last_desired, r) : NULL,
                          *next = merge_skeleton(desired, r);
    _cleanup_json_ json_t *last_copy = last ? doc_copy(last) : NULL, *desired_copy = doc_copy(desired),
                          *live_copy = doc_copy(live);
    struct merge m;

    inputs[0] = last;
    inputs[1] = desired_copy;
    inputs[2] = live_copy;
    merge_three_way(last, desired, live, r, &m);
    law((m.change_count == 0) == doc_equal(m.result, live));
    if (!r->others)
        assert_survives(last, desired, live, m.result, r);
    assert_granted(desired, m.result, r);

    check_stays(last, desired, m.result, r);
    check_stays(next, desired, m.result, r);

    empty_out(m.result);
    for (size_t i = 0; i < m.change_count; i++) {
        empty_out(m.changes[i].before);
        empty_out(m.changes[i].after);
    }
    merge_release(&m);
    law_equal(last, last_copy);
    law_equal(desired, desired_copy);
    law_equal(live, live_copy);
}

/* A desired "a" excludes "b", of elements of others, too; within "f" each field for itself. */
static enum merge_fate excluded(const void *context, const char *path, const struct merge_place *in, const char *field,
                                const json_t *value)
{
    (void)context;
    (void)path;
    if (!field)
        return json_object_get(value, "memory") ? MERGE_GOES : MERGE_LOOK_WITHIN;
    if (str_eq(field, "f") || str_eq(field, "list"))
        return MERGE_LOOK_WITHIN;
    return str_eq(field, "b") && (json_object_get(in->desired, "a") || !in->around) ? MERGE_GOES : MERGE_STAYS;
}

static void laws_hold(void **state)
{
    static const struct merge_rules variants[] = {
        {.keys = NULL},
        {.keys = keys, .open = open_maps},
        {.keys = keys, .open = open_maps, .empty_is_absent = true, .same = same_quantity},
        {.keys = keys, .open = open_maps, .empty_is_absent = true, .same = same_quantity, .foreign = is_f},
        {.keys = keys, .foreign = is_f},
        {.keys = keys, .open = open_maps, .empty_is_absent = true, .others = excluded},
    };
    uint64_t seed = 42;

    (void)state;
    for (int round = 0; round < 1200; round++) {
        _cleanup_json_ json_t *before = random_map(&seed, 4), *desired = random_variant(&seed, before, "", 4);
        _cleanup_json_ json_t *live = random_variant(&seed, next_random(&seed, 2) ? before : desired, "", 4);

        if (!json_is_object(desired) || !json_is_object(live))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
            check_laws(before, desired, live, &variants[i]);
            check_laws(NULL, desired, live, &variants[i]);
            check_laws(NULL, desired, desired, &variants[i]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges),
        cmocka_unit_test(nothing_live_is_created),
        cmocka_unit_test(changes_carry_values),
        cmocka_unit_test(summaries_are_short),
        cmocka_unit_test(skeletons_hold_no_values),
        cmocka_unit_test(laws_hold),
    };

    return cmocka_run_group_tests_name("json merge", tests, NULL, NULL);
}
