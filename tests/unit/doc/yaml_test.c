#include "documents.h"

#include "doc/yaml.h"

#define LIMIT ((size_t)1 << 20)

static json_t *parse_one(const char *text, size_t len)
{
    struct yaml_documents docs = {0};
    struct err e = {0};
    json_t *value;

    if (yaml_parse("test.yaml", text, len, LIMIT, &docs, &e) < 0)
        fail_msg("%s in:\n%s", e.text, text);
    assert_int_equal(docs.len, 1);
    value = json_incref(docs.items[0].value);
    yaml_documents_release(&docs);
    return value;
}

/* The documents in the text are those in `expected`, with '|' between them. */
static void assert_documents(const char *text, size_t len, const char *expected)
{
    _cleanup_strv_ char **parts = str_split(expected, '|');
    struct yaml_documents docs = {0};
    struct err e = {0};

    if (yaml_parse("test.yaml", text, len, LIMIT, &docs, &e) < 0)
        fail_msg("%s in:\n%s", e.text, text);
    assert_int_equal(docs.len, *expected ? strv_len(parts) : 0);
    for (size_t i = 0; i < docs.len; i++)
        assert_doc(docs.items[i].value, parts[i]);
    yaml_documents_release(&docs);
}

/* However an encoder writes it: in lines or not, with all that is not ASCII escaped or nothing. */
static void assert_json_comes_back(const json_t *value)
{
    static const size_t flags[] = {JSON_COMPACT, JSON_INDENT(2), JSON_INDENT(1) | JSON_ENSURE_ASCII,
                                   JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        _cleanup_free_ char *text = json_dumps(value, flags[i] | JSON_REAL_PRECISION(17));
        _cleanup_json_ json_t *back = parse_one(text, strlen(text));
        if (!json_equal(back, value))
            fail_msg("not the same when read back:\n%s", text);
    }
}

static void assert_comes_back(const json_t *value)
{
    _cleanup_buf_ struct buf sorted = BUF_INIT, ordered = BUF_INIT;
    _cleanup_json_ json_t *a = NULL, *b = NULL;

    yaml_print(value, &sorted);
    yaml_print_ordered(value, &ordered);
    a = parse_one(sorted.data, sorted.len);
    b = parse_one(ordered.data, ordered.len);
    /* not doc_equal(): an integer must stay an integer */
    if (!json_equal(a, value) || !json_equal(b, value))
        fail_msg("not the same when read back:\n%s", sorted.data);
    if (json_is_object(value) || json_is_array(value))
        assert_json_comes_back(value);
}

/* The string as a value, in sequences, as a key, deep and shallow. */
static void assert_string_comes_back(const char *s, size_t len)
{
    _cleanup_json_ json_t *string = json_stringn(s, len);
    _cleanup_json_ json_t *all = json_pack("{s:O, s:[O, [O, {s:O}], {s:[O]}], s:{s:O, s:i}}", "a", string, "b", string,
                                           string, "c", string, "d", string, "e", "f", string, "g", 1);

    assert_non_null(all);
    assert_comes_back(all);
    assert_comes_back(string);
    if (!memchr(s, 0, len)) {
        _cleanup_json_ json_t *keyed =
            json_pack("{s:{s:i}, s:{s:[i]}, s:[{s:{s:O}}]}", "a", s, 1, "b", s, 1, "c", s, s, string);
        assert_non_null(keyed);
        assert_comes_back(keyed);
    }
}

static void any_string_comes_back(void **state)
{
    static const char *const strings[] = {"",
                                          " ",
                                          "yes",
                                          "No",
                                          "on",
                                          "OFF",
                                          "y",
                                          "n",
                                          "true",
                                          "False",
                                          "null",
                                          "Null",
                                          "~",
                                          "<<",
                                          "=",
                                          "1e3",
                                          "1E+3",
                                          "0x1F",
                                          "0o17",
                                          "017",
                                          "08",
                                          "0b1",
                                          "1_000",
                                          "-_1",
                                          "_",
                                          "+1",
                                          "-1",
                                          "1.",
                                          ".5",
                                          "-.5",
                                          ".inf",
                                          "-.Inf",
                                          ".nan",
                                          "NaN",
                                          "12:30:45",
                                          "2001-01-01",
                                          "2001-01-01T10:00:00Z",
                                          "1.0",
                                          "1.0.5",
                                          "10.0.0.1",
                                          "10.0.0.0/8",
                                          "100m",
                                          "2Gi",
                                          "5s",
                                          "-",
                                          "--",
                                          "---",
                                          "...",
                                          "--- a",
                                          "- a",
                                          "-a",
                                          "--flag=x",
                                          "?",
                                          "? a",
                                          ":",
                                          ": ",
                                          ":a",
                                          "a:",
                                          "a: b",
                                          "a:b",
                                          "#",
                                          " #",
                                          "a #b",
                                          "a#b",
                                          "[x",
                                          "{x",
                                          "]",
                                          "}",
                                          ",",
                                          "a, b",
                                          "*",
                                          "*a",
                                          "&",
                                          "&a",
                                          "!",
                                          "!a",
                                          "!!str",
                                          "|",
                                          ">",
                                          "%",
                                          "@",
                                          "`",
                                          "'",
                                          "\"",
                                          "it's",
                                          "say \"x\"",
                                          "\\",
                                          "a\\b",
                                          " a",
                                          "a ",
                                          "  a  ",
                                          "\t",
                                          "a\t",
                                          "\ta",
                                          "a\tb",
                                          "\r",
                                          "a\rb",
                                          "a\r\nb\r\n",
                                          "\n",
                                          "\n\n",
                                          "a\n",
                                          "a\n\n",
                                          "a\n\n\n",
                                          "a\nb",
                                          "a\nb\n",
                                          "\na",
                                          "\n\na\n",
                                          " a\nb",
                                          "a\n b\n",
                                          "  a\nb\n",
                                          "\ta\nb",
                                          "a\n\tb\n",
                                          "a \nb\n",
                                          "a\n \n",
                                          "a\n  ",
                                          "a\n\n  \n",
                                          " \n",
                                          "\n ",
                                          "  \n\n",
                                          "# a\nb\n",
                                          "---\na\n",
                                          "a\n---\n",
                                          "...\na\n",
                                          "- a\n- b\n",
                                          "a:\n  b: c\n",
                                          "{{ if .x }}\n  y: {{ .z }}\n{{ end }}\n",
                                          "\x01",
                                          "\x1b[0m",
                                          "\x7f",
                                          "a\x01\nb\n",
                                          "\xc2\x80",
                                          "\xc2\x85",
                                          "a\xc2\x85\nb",
                                          "\xc2\xa0",
                                          "\xc3\xa9",
                                          "\xe2\x80\xa8",
                                          "a\xe2\x80\xa9\nb\n",
                                          "\xe6\x97\xa5\xe6\x9c\xac\n\xe8\xaa\x9e\n",
                                          "\xef\xbb\xbf",
                                          "\xef\xbb\xbf\na",
                                          "\xef\xbf\xbe",
                                          "\xef\xbf\xbf",
                                          "\xed\x9f\xbf",
                                          "\xee\x80\x80",
                                          "\xf0\x9f\x98\x80",
                                          "\xf4\x8f\xbf\xbf",
                                          NULL};
    char *longest = mem_new0(5000, 1);

    (void)state;
    for (size_t i = 0; strings[i]; i++)
        assert_string_comes_back(strings[i], strlen(strings[i]));
    assert_string_comes_back("a\0b", 3);
    assert_string_comes_back("\0\na\n", 4);
    /* Longer than what parsers take as a key on one line. */
    memset(longest, 'a', 4999);
    assert_string_comes_back(longest, 4999);
    memset(longest, 2, 900);
    longest[900] = 0;
    assert_string_comes_back(longest, 900);
    free(longest);
}

static void random_strings_come_back(void **state)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "0",
                                         "1",
                                         ".",
                                         ":",
                                         "#",
                                         "-",
                                         "?",
                                         " ",
                                         " ",
                                         "\n",
                                         "\n",
                                         "\t",
                                         "\r",
                                         "'",
                                         "\"",
                                         "\\",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         ",",
                                         "&",
                                         "*",
                                         "!",
                                         "|",
                                         ">",
                                         "%",
                                         "@",
                                         "`",
                                         "~",
                                         "=",
                                         "<",
                                         "x",
                                         "_",
                                         "e",
                                         "+",
                                         "\xc3\xa9",
                                         "\xc2\x85",
                                         "\xe2\x80\xa8",
                                         "\xf0\x9f\x98\x80"};
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        _cleanup_buf_ struct buf s = BUF_INIT;
        for (unsigned n = next_random(&seed, 9); n; n--)
            buf_add_str(&s, pieces[next_random(&seed, ARRAY_LEN(pieces))]);
        assert_string_comes_back(buf_str(&s), s.len);
    }
}

static void other_values_come_back(void **state)
{
    static const char *const values[] = {"{}",
                                         "[]",
                                         "null",
                                         "true",
                                         "false",
                                         "0",
                                         "-0.0",
                                         "1.0",
                                         "0.1",
                                         "1e300",
                                         "1e-300",
                                         "1.5e21",
                                         "123456789.125",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "[[]]",
                                         "[{}]",
                                         "[[[1]], {'a': [[{'b': []}]]}]",
                                         "{'a': {}, 'b': [], 'c': null, 'd': {'e': {'f': [{'g': 1, 'h': [2]}, {}]}}}",
                                         NULL};

    (void)state;
    for (size_t i = 0; values[i]; i++) {
        _cleanup_json_ json_t *value = doc(values[i]);
        assert_comes_back(value);
    }
}

static void prints_as_people_write_it(void **state)
{
    static const char expected[] = "apiVersion: v1\n"
                                   "data:\n"
                                   "  empty: \"\"\n"
                                   "  mesh: |\n"
                                   "    a: 1\n"
                                   "\n"
                                   "    b: 2\n"
                                   "  port: \"80\"\n"
                                   "items:\n"
                                   "- args:\n"
                                   "  - --log=info\n"
                                   "  - \"*\"\n"
                                   "  name: x\n"
                                   "- - 0.1\n"
                                   "  - 1.0e+30\n"
                                   "none: {}\n";
    _cleanup_json_ json_t *value =
        doc("{'none': {}, 'apiVersion': 'v1', 'items': [{'name': 'x', 'args': ['--log=info', '*']}, [0.1, 1e30]],"
            " 'data': {'port': '80', 'mesh': 'a: 1\\n\\nb: 2\\n', 'empty': ''}}");
    _cleanup_buf_ struct buf out = BUF_INIT, ordered = BUF_INIT;

    (void)state;
    yaml_print(value, &out);
    assert_string_equal(buf_str(&out), expected);
    yaml_print_ordered(value, &ordered);
    assert_true(str_starts(buf_str(&ordered), "none: {}\napiVersion: v1\nitems:\n- name: x\n"));
}

static void reads_as_kubectl_does(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"[yes, No, on, OFF, y, True, nO]", "[true, false, true, false, true, true, 'nO']"},
        {"[~, null, Null, nUll]", "[null, null, null, 'nUll']"},
        {"a:\nb: # nothing\n", "{'a': null, 'b': null}"},
        {"[0420, 0o17, 0x1F, 0b11, 08, -0x10, +1]", "[272, 15, 31, 3, 8, -16, 1]"},
        {"[1_000, 1__0, _1, 0_7]", "[1000, 10, '_1', 7]"},
        {"[1e3, .5, 5., +.5, 1_0.5]", "[1000.0, 0.5, 5.0, 0.5, 10.5]"},
        {"[1.0.5, 12:30:45, 2001-01-01, ., -, 0x, 0o8, 1e, .inf2]",
         "['1.0.5', '12:30:45', '2001-01-01', '.', '-', '0x', '0o8', '1e', '.inf2']"},
        {"['yes', \"1\", !!str 2, !!int 3, !!float 4, !!bool no, !!null ~]", "['yes', '1', '2', 3, 4.0, false, null]"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1: a\n\"yes\": b\n", "{'1': 'a', 'yes': 'b'}"},
        {"{\"a\":{\"b\":[1,2]}}", "{'a': {'b': [1, 2]}}"},
        {"a: &x {b: 1}\nc: *x\nd: [*x]\n", "{'a': {'b': 1}, 'c': {'b': 1}, 'd': [{'b': 1}]}"},
        {"&k name: 1\nb: *k\n", "{'name': 1, 'b': 'name'}"},
        {"a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n", "{'a': {'b': 1, 'c': 2}, 'd': {'b': 1, 'c': 3}}"},
        {"a: [&x {b: 1}, &y {b: 2, c: 2}]\nd:\n  <<: [*x, *y]\n",
         "{'a': [{'b': 1}, {'b': 2, 'c': 2}], 'd': {'b': 1, 'c': 2}}"},
        {"a: {\"<<\": 1}\n", "{'a': {'<<': 1}}"},
        {"a: >\n  b\n  c\n", "{'a': 'b c\\n'}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *expected = doc(cases[i].json);
        _cleanup_json_ json_t *value = parse_one(cases[i].yaml, strlen(cases[i].yaml));
        if (!json_equal(value, expected))
            print_error("%s\n", cases[i].yaml);
        assert_doc_equal(value, expected);
        assert_true(json_equal(value, expected));
    }
}

/* All that JSON allows, some of which YAML does not: '|' stands for the end of a document. */
static void json_is_read_as_json(void **state)
{
    static const struct {
        const char *text, *documents;
    } cases[] = {
        {"{\"a\": \"\\ud83d\\ude80\"}", "{'a': '\xf0\x9f\x9a\x80'}"},
        {"{\"\\ud83d\\ude80\": 1}", "{'\xf0\x9f\x9a\x80': 1}"},
        /* half of a pair: as Go's decoder reads it */
        {"{\"a\": \"\\ud800\"}", "{'a': '\xef\xbf\xbd'}"},
        {"{\"\\uDFFFb\": \"\\uDBFFc\"}", "{'\xef\xbf\xbd"
                                         "b': '\xef\xbf\xbd"
                                         "c'}"},
        {"{\"a\": \"\\ude80\\ud83d\\ud83d\\ude80\"}", "{'a': '\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x9a\x80'}"},
        {"{\"a\": \"\\ud83d\\u0041\\ud83dx\"}", "{'a': '\xef\xbf\xbd"
                                                "A\xef\xbf\xbdx'}"},
        {"{\"a\": \"\\\\ud800\\\\\\ud800\"}", "{'a': '\\\\ud800\\\\\xef\xbf\xbd'}"},
        {"# \\ud800 \"\n{\"a\": \"\\udbff\"}", "{'a': '\xef\xbf\xbd'}"},
        {"{\"a\": \"b\xc2\x85 c\"}", "{'a': 'b\xc2\x85 c'}"},
        {"{\"b\xc2\x85 c\xe2\x80\xa8\": \"\x7f\"}", "{'b\xc2\x85 c\xe2\x80\xa8': '\x7f'}"},
        {"{\"a\"\n:\t1\r\n,\n\"b\":[\n]}\n", "{'a': 1, 'b': []}"},
        {"\t{\"a\":\"\\/\\b\\f\\n\\r\\t\\u0041\\\\\\\"\"}", "{'a': '/\\b\\f\\n\\r\\tA\\\\\\u0022'}"},
        {"[1, -0.5, 1E+2, true, false, null, \"on\"]", "[1, -0.5, 100.0, true, false, null, 'on']"},
        {"{\"<<\": {\"a\": 1}, \"on\": 1}", "{'<<': {'a': 1}, 'on': 1}"},
        /* several documents, and what may stand between them */
        {"{\"a\":1}{\"b\":2} \n[3]", "{'a': 1}|{'b': 2}|[3]"},
        {"# c\n--- # c\n{\"a\":\"---\"} # c\n---\nb: 2\n--- {\"c\":3}\n...\n", "{'a': '---'}|{'b': 2}|{'c': 3}"},
        {"a: 1\n...\n%YAML 1.1\n---\n{\"b\": 2}\n...\n# c\n", "{'a': 1}|{'b': 2}"},
        {"{\"a\":1}\xef\xbb\xbf{\"b\":2}", "{'a': 1}|{'b': 2}"},
        /* what only looks like it */
        {"{a: 1, \"b\": on}", "{'a': 1, 'b': true}"},
        {"{\"a\": 1,}", "{'a': 1}"},
        {"{\"a\": 'b # c', # d\n \"e\": [f,]}", "{'a': 'b # c', 'e': ['f']}"},
        {"[a]", "['a']"},
        {"[0x10]", "[16]"},
        {"{\"a\": &x [1], \"b\": *x}", "{'a': [1], 'b': [1]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_documents(cases[i].text, strlen(cases[i].text), cases[i].documents);
}

static void encode_utf16(const char *text, bool big, struct buf *out)
{
    for (size_t i = 0, len = strlen(text), n; i < len; i += n) {
        uint32_t rune, units[2], count = 1;
        n = str_utf8_next(text + i, len - i, &rune);
        units[0] = rune;
        if (rune > 0xffff) {
            units[0] = 0xd800 + ((rune - 0x10000) >> 10);
            units[1] = 0xdc00 + ((rune - 0x10000) & 0x3ff);
            count = 2;
        }
        for (uint32_t k = 0; k < count; k++) {
            buf_add_char(out, (char)(big ? units[k] >> 8 : units[k] & 0xff));
            buf_add_char(out, (char)(big ? units[k] & 0xff : units[k] >> 8));
        }
    }
}

/* With lines that end as Windows' do. */
static char *with_crlf(const char *text)
{
    struct buf out = BUF_INIT;

    for (; *text; text++)
        buf_printf(&out, "%s%c", *text == '\n' ? "\r" : "", *text);
    return buf_take(&out);
}

/* Each text in each encoding, alone and behind another one in the same file. */
static void files_are_read_as_editors_and_shells_write_them(void **state)
{
    static const char mark[] = "\xef\xbb\xbf", a[] = "a: [1,\n  \xc3\xa9]\n";
    static const struct {
        const char *text, *documents;
    } cases[] = {
        {"b: \xf0\x9f\x9a\x80\n", "{'b': '\xf0\x9f\x9a\x80'}"},
        {"---\nb: |\n  x\n\n  \xef\xbb\xbfy\n--- {c: 3}\n", "{'b': 'x\\n\\n\xef\xbb\xbfy\\n'}|{'c': 3}"},
        {"%YAML 1.1\n---\nb: 2\n", "{'b': 2}"},
        {"{\"b\": \"\\ud83d\\ude80\",\n\"c\": 3}\n{}\n", "{'b': '\xf0\x9f\x9a\x80', 'c': 3}|{}"},
        {"# nothing\n", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *text = cases[i].text, *documents = cases[i].documents;
        _cleanup_free_ char *expected = str_printf("{'a': [1, '\xc3\xa9']}%s%s", *documents ? "|" : "", documents);
        _cleanup_free_ char *crlf = with_crlf(text), *marked = str_printf("%s%s", mark, text);
        _cleanup_free_ char *joined = str_printf("%s%s", a, marked), *both = str_printf("%s%s", mark, joined);
        _cleanup_free_ char *joined_crlf = with_crlf(both);
        const struct {
            const char *text, *documents;
        } forms[] = {{text, documents},  {crlf, documents}, {marked, documents},
                     {joined, expected}, {both, expected},  {joined_crlf, expected}};
        for (size_t k = 0; k < ARRAY_LEN(forms); k++)
            assert_documents(forms[k].text, strlen(forms[k].text), forms[k].documents);
        for (int big = 0; big < 2; big++) {
            _cleanup_buf_ struct buf wide = BUF_INIT, wide_joined = BUF_INIT;
            encode_utf16(marked, big, &wide);
            assert_documents(buf_str(&wide), wide.len, documents);
            encode_utf16(both, big, &wide_joined);
            assert_documents(buf_str(&wide_joined), wide_joined.len, expected);
        }
    }
}

static void refusals_name_the_place(void **state)
{
    static const struct {
        const char *yaml, *error;
    } cases[] = {
        {"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "test.yaml:5:3: field \"c\" is given twice, first in line 3"},
        {"a: {b: 1, b: 2}\n", "test.yaml:1:11: field \"b\" is given twice, first in line 1"},
        {"a: &x {b: 1}\n<<: *x\n<<: *x\n", "test.yaml:3:1: field \"<<\" is given twice"},
        {"a: secret\nb: [secret\n",
         "test.yaml:3:1: broken YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"a: 1\n- [b] c\n", "test.yaml:2:1: broken YAML: did not find expected key while parsing a block mapping"},
        /* behind a collection that was read whole */
        {"[[secret] secret]\n",
         "test.yaml:1:11: broken YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"\ta: secret\n",
         "test.yaml:1:1: broken YAML: found character that cannot start any token while scanning for the next token"},
        {"a: *x\n", "test.yaml:1:4: alias of an anchor that is not (yet) defined"},
        {"a: &x [*x]\n", "test.yaml:1:8: alias of an anchor that is not (yet) defined"},
        {"a: &x 1\n---\na: *x\n", "test.yaml:3:4: alias of an anchor that is not (yet) defined"},
        {"a: !secret b\n", "test.yaml:1:4: tag !secret is not supported; the core tags are (!!str, !!int, ...)"},
        {"a: !!binary aGk=\n",
         "test.yaml:1:4: tag tag:yaml.org,2002:binary is not supported; the core tags are (!!str, !!int, ...)"},
        {"a: !!set {b}\n", "test.yaml:1:4: tag tag:yaml.org,2002:set is not supported here"},
        {"a: !!int b\n", "test.yaml:1:4: the value is not of the type that its tag !!int says"},
        {"<<: 1\n", "test.yaml:1:1: only maps can be merged with \"<<\""},
        {"<<: [{a: 1}, 2]\n", "test.yaml:1:1: only maps can be merged with \"<<\""},
        {"a:\n  on: 1\n", "test.yaml:2:3: the key is not read as text; put it in quotes"},
        {"1.10: 1\n", "test.yaml:1:1: the key is not read as text; put it in quotes"},
        {"0x10: 1\n", "test.yaml:1:1: the key is read as a number; put it in quotes"},
        {"[a]: 1\n", "test.yaml:1:1: the key of a field must be text"},
        {"\"a\\0b\": 1\n", "test.yaml:1:1: the key holds a zero byte"},
        {"a: 9223372036854775808\n",
         "test.yaml:1:4: the number needs more than 64 bits; quote it where it is meant as text"},
        {"a: 12e4567\n", "test.yaml:1:4: the number is too large; quote it where it is meant as text"},
        {"a: .inf\n", "test.yaml:1:4: infinity and not-a-number cannot be used; quote it where it is meant as text"},
        {"{\"a\": 1\n \"b\": 2}\n", "test.yaml:2:5: broken JSON: '}' expected near '\"b\"'"},
        {"{\"a\": 1}\n{\"b\": {}", "test.yaml:2:9: broken JSON: it ends too early"},
        {"{\"a\": 1}\n}\n", "test.yaml:2:1: broken JSON: expected is another document or the end"},
        {"{\"a\": {\n\"b\": \"\\ud83d\\ude80\",\n  \"b\": 2}}\n",
         "test.yaml:3:3: field \"b\" is given twice, first in line 2"},
        {"{\"\\ud83d\": 1,\n\"\\ude80\": 2}\n",
         "test.yaml:2:1: field \"\xef\xbf\xbd\" is given twice, first in line 1"},
        {"{\"a\": \"\\ud83d\" 1}\n", "test.yaml:1:17: broken JSON: '}' expected near '1'"},
        {"{\"a\": \"\\ud83\"}\n", "test.yaml:1:14: broken JSON: invalid escape near '\"\\ud83\"'"},
        {"{\"a\": 9223372036854775808}\n",
         "test.yaml:1:26: the number needs more than 64 bits; quote it where it is meant as text"},
        {"{\"a\\u0000b\": 1}\n", "test.yaml:1:12: the key holds a zero byte"},
        {"a: 1\n---\n---\nb: [\n",
         "test.yaml:5:1: broken YAML: did not find expected node content while parsing a flow node"},
        {"\xff\xfe"
         "a",
         "test.yaml: byte 2: invalid UTF-16"},
        {"\xfe\xff\xd8\x3d", "test.yaml: byte 2: invalid UTF-16"},
        {"a: 1\xef\xbb\xbf"
         "b: 2\n",
         "test.yaml:1:7: broken YAML: mapping values are not allowed in this context; a byte order mark is inside the "
         "line, the file before it has no line end"},
        {"a: \xff\n", "test.yaml:1:4: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct yaml_documents docs = {0};
        struct err e = {0};
        assert_int_equal(yaml_parse("test.yaml", cases[i].yaml, strlen(cases[i].yaml), LIMIT, &docs, &e), -1);
        assert_string_equal(e.text, cases[i].error);
        assert_int_equal(e.class, ERR_INVALID);
        assert_null(docs.items);
    }
}

static void limits_hold(void **state)
{
    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                               "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    _cleanup_buf_ struct buf deep = BUF_INIT, ladder = BUF_INIT;
    struct yaml_documents docs = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("-", "a: 1\n", 5, 4, &docs, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_string_equal(e.text, "standard input: 5 bytes, at most 4 are read");

    assert_int_equal(yaml_parse("-", bomb, strlen(bomb), LIMIT, &docs, &e), -1);
    assert_string_equal(e.text, "standard input:6:14: aliases expand to more than may be read");

    for (int i = 0; i < 100000; i++)
        buf_add_char(&deep, '[');
    assert_int_equal(yaml_parse("-", deep.data, deep.len, LIMIT, &docs, &e), -1);
    assert_string_equal(e.text, "standard input:1:129: nested deeper than 128");
    buf_reset(&deep);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&deep, "- ");
    assert_int_equal(yaml_parse("-", deep.data, deep.len, LIMIT, &docs, &e), -1);
    assert_string_equal(e.text, "standard input:1:257: nested deeper than 128");

    /* Each anchor nests one deeper than the one before. */
    buf_add_str(&ladder, "- &a0 []\n");
    for (int i = 1; i <= DOC_DEPTH_MAX; i++)
        buf_printf(&ladder, "- &a%d [*a%d]\n", i, i - 1);
    assert_int_equal(yaml_parse("-", ladder.data, ladder.len, LIMIT, &docs, &e), -1);
    assert_non_null(strstr(e.text, "nested deeper than 128"));
}

static void documents_are_told_apart(void **state)
{
    static const char text[] = "# only a comment\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n---\n\"\"\n";
    _cleanup_buf_ struct buf many = BUF_INIT;
    struct yaml_documents docs = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("-", text, strlen(text), LIMIT, &docs, &e), 0);
    assert_int_equal(docs.len, 3);
    assert_doc(docs.items[0].value, "{'a': 1}");
    assert_doc(docs.items[1].value, "{'b': 2}");
    assert_doc(docs.items[2].value, "''");
    assert_int_equal(yaml_line(&docs.items[1], "b"), 8);
    yaml_documents_release(&docs);

    for (int i = 0; i <= YAML_DOCUMENTS_MAX; i++)
        buf_add_str(&many, i % 2 ? "{}\n" : "---\na\n---\n");
    assert_int_equal(yaml_parse("-", many.data, many.len, LIMIT, &docs, &e), -1);
    assert_int_equal(e.class, ERR_LIMIT);
    assert_string_equal(e.text, "standard input: more than 10000 documents");
    assert_int_equal(yaml_parse("-", "", 0, LIMIT, &docs, &e), 0);
    assert_int_equal(docs.len, 0);
    yaml_documents_release(&docs);
}

static void places_are_known(void **state)
{
    static const char text[] = "kind: Istio\n"
                               "spec:\n"
                               "  proxy:\n"
                               "    image: x\n"
                               "  ports:\n"
                               "  - name: a\n"
                               "    port: 1\n"
                               "  -\n"
                               "    port: 2\n"
                               "  labels:\n"
                               "    istio.io/rev: x\n";
    static const struct {
        const char *path;
        int line;
    } cases[] = {
        {"", 1},
        {"kind", 1},
        {"spec", 2},
        {"spec.proxy.image", 4},
        {"spec.ports[0].port", 7},
        {"spec.ports[1].port", 9},
        {"spec.labels[\"istio.io/rev\"]", 11},
        /* what is not there is looked for in its parent */
        {"spec.proxy.resources.limits", 3},
        {"spec.ports[7].port", 5},
        {"spec.nothing", 2},
        {"status", 1},
    };
    struct yaml_documents docs = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("-", text, strlen(text), LIMIT, &docs, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(yaml_line(&docs.items[0], cases[i].path), cases[i].line);
    yaml_documents_release(&docs);
}

static void places_in_json_are_known(void **state)
{
    static const char text[] = "a: 1\n---\n{\"kind\": \"\\u007b\\\"x\",\n"
                               "\"spec\": {\"ports\": [1,\n {\"port\"\n :2}],\n"
                               " \"labels\": {\"istio.io/rev\": null}}}\n\n{\n\"b\": {}}";
    static const struct {
        const char *path;
        int line;
    } cases[] = {
        {"", 3},
        {"kind", 3},
        {"spec.ports", 4},
        {"spec.ports[0]", 4},
        {"spec.ports[1]", 5},
        {"spec.ports[1].port", 5},
        {"spec.labels[\"istio.io/rev\"]", 7},
    };
    struct yaml_documents docs = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(yaml_parse("-", text, strlen(text), LIMIT, &docs, &e), 0);
    assert_int_equal(docs.len, 3);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(yaml_line(&docs.items[1], cases[i].path), cases[i].line);
    assert_int_equal(yaml_line(&docs.items[2], ""), 9);
    assert_int_equal(yaml_line(&docs.items[2], "b"), 10);
    yaml_documents_release(&docs);
}

/* Of a text that holds secrets. */
static void refusals_of_secrets_quote_nothing(void **state)
{
    static const char *const texts[] = {"{\"a\": \"hunter2\", \"b\" \"hunter2\"}",
                                        "{\"a\": hunter2 \"x\"]",
                                        "{\"hunter2\": 1, \"hunter2\": 2}",
                                        "{\"a\": \"hunter2\\ud800\" 1}",
                                        "{\"a\": \"hunter2\\ud80\"}",
                                        "hunter2: 1\nhunter2: 2\n",
                                        "a: !hunter2 b\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct yaml_documents docs = {0};
        struct err e = {0};
        assert_int_equal(yaml_parse_secret("test.yaml", texts[i], strlen(texts[i]), LIMIT, &docs, &e), -1);
        assert_true(str_starts(e.text, "test.yaml:"));
        assert_null(strstr(e.text, "hunter2"));
    }
}

static void a_zero_byte_in_json_is_refused(void **state)
{
#define TEXT(text) text, sizeof(text) - 1
    static const struct {
        const char *text;
        size_t len;
        const char *message;
    } cases[] = {
        {TEXT("[{\"a\": -0.5\0}]\n"), "test.yaml:1:12: broken JSON: a zero byte"},
        {TEXT("{\"a\": true\0"), "test.yaml:1:12: broken JSON: it ends too early"},
        {TEXT("{\"a\": true\0}\n"), "test.yaml:1:11: broken JSON: a zero byte"},
        {TEXT("{\"a\": [5\0, 6]}\n"), "test.yaml:1:9: broken JSON: a zero byte"},
    };
#undef TEXT

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct yaml_documents docs = {0};
        struct err e = {0};

        assert_int_equal(yaml_parse("test.yaml", cases[i].text, cases[i].len, LIMIT, &docs, &e), -1);
        assert_string_equal(e.text, cases[i].message);
        yaml_documents_release(&docs);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_string_comes_back),
        cmocka_unit_test(random_strings_come_back),
        cmocka_unit_test(other_values_come_back),
        cmocka_unit_test(prints_as_people_write_it),
        cmocka_unit_test(reads_as_kubectl_does),
        cmocka_unit_test(json_is_read_as_json),
        cmocka_unit_test(files_are_read_as_editors_and_shells_write_them),
        cmocka_unit_test(refusals_name_the_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(documents_are_told_apart),
        cmocka_unit_test(places_are_known),
        cmocka_unit_test(places_in_json_are_known),
        cmocka_unit_test(refusals_of_secrets_quote_nothing),
        cmocka_unit_test(a_zero_byte_in_json_is_refused),
    };

    return cmocka_run_group_tests_name("json yaml", tests, NULL, NULL);
}
