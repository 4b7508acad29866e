/* One table that has every type of field: parsing, defaults, messages and schema follow from its rows. */
#include <string.h>

#include "api/rows.h"
#include "base/str.h"
#include "doc/doc.h"
#include "support.h"

struct engine {
    int cylinders;
    char *fuel;
};

struct car {
    bool electric;
    int doors;
    double weight;
    char *name;
    json_t *tags, *labels, *notes;
    int gears;
    struct engine engine;
};

#define OWNER struct engine
static const struct field engine_rows[] = {
    {"cylinders", INTEGER_AT(cylinders, 1, 16), .otherwise = "4", .doc = "How many."},
    {"fuel", CHOICE_AT(fuel, "petrol", "diesel"), .floating = true, .otherwise = "petrol", .doc = "What it burns."},
};
static const struct field_table engine_table = {.name = "Engine", .doc = "An engine.", FIELD_ROWS(engine_rows)};
#undef OWNER

#define OWNER struct car
static const struct field gearbox_rows[] = {
    {"gears", INTEGER_AT(gears, 1, 9), .otherwise = "5", .doc = "How many."},
};
static const struct field_table gearbox_table = {.name = "Gearbox", .doc = "A gearbox.", FIELD_ROWS(gearbox_rows)};

static const struct field note_rows[] = {
    {"text", TEXT(format_text), .required = true, .doc = "What it says."},
    {"when", TIME, .doc = "When it was written."},
    {"about", ANY, .doc = "What it is about."},
    {"amount", QUANTITY, .doc = "How much."},
};
static const struct field_table note_table = {.name = "Note", .doc = "A note.", FIELD_ROWS(note_rows)};
static const struct field note = {NULL, DOCUMENT(note_table)};
static const struct field word = {NULL, TEXT(format_dns_label)};
static const struct field label = {NULL, TEXT(format_label_value)};
static const struct field car_rows[] = {
    {"electric", FLAG_AT(electric), .otherwise = "true", .doc = "Whether it is electric."},
    {"doors", INTEGER_AT(doors, 0, 7), .otherwise = "4", .doc = "How many doors."},
    {"weight", NUMBER_AT(weight, 0, 3.5), .otherwise = "1.5", .doc = "In tons."},
    {"name", TEXT_AT(name, format_dns_label), .implied = "none", .doc = "Its name."},
    {"tags", LIST_AT(tags, word, 0, 3), .unique = true, .otherwise = "[]", .doc = "Words for it."},
    {"labels", MAP_AT(labels, format_label_key, label, 2), .doc = "Labels."},
    {"notes", LIST_AT(notes, note, 1, 3), .doc = "Notes."},
    {"gearbox", GROUP(gearbox_table), .doc = "Its gearbox."},
    {"engine", STRUCT_AT(engine, engine_table), .doc = "Its engine."},
};
static const struct field_table car_table = {.name = "Car", .doc = "A car.", FIELD_ROWS(car_rows)};

static void absent_fields_have_their_defaults(void **state)
{
    static const char *const texts[] = {"{}", "{electric: null, doors: null, name: null, engine: null, gearbox: {}}"};

    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        _cleanup_json_ json_t *object = i < ARRAY_LEN(texts) ? from_yaml(texts[i]) : NULL;
        struct car car;
        field_parse(&car_table, object, &car, "car", &p);
        assert_int_equal(p.len, 0);
        assert_true(car.electric);
        assert_int_equal(car.doors, 4);
        assert_true(car.weight == 1.5);
        assert_null(car.name);
        assert_int_equal(json_array_size(car.tags), 0);
        assert_non_null(car.tags);
        assert_null(car.labels);
        assert_null(car.notes);
        assert_int_equal(car.gears, 5);
        assert_int_equal(car.engine.cylinders, 4);
        assert_string_equal(car.engine.fuel, "petrol");
        field_release(&car_table, &car);
        assert_null(car.tags);
        field_release(&car_table, &car); /* released twice is released */
    }
}

/* Nothing in it is a default. */
static const char beetle[] =
    "electric: false\n"
    "doors: 0\n"
    "weight: 2\n"
    "name: beetle\n"
    "tags: [old, small]\n"
    "labels: {example.com/colour: red}\n"
    "notes: [{text: sold, when: \"2006-01-02T15:04:05Z\", about: null, amount: 3},\n"
    "        {text: \"\", about: {any: [thing], other: null}, amount: 2k}]\n" /* nulls are not stored */
    "gearbox: {gears: 4.0}\n"
    "engine: {cylinders: 8, fuel: diesel}\n";

static void parse_beetle(struct car *car)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    _cleanup_json_ json_t *object = from_yaml(beetle);

    field_parse(&car_table, object, car, "car", &p);
    assert_problems("given", &p, PROBLEM_ERROR, "");
    assert_problems("given", &p, PROBLEM_WARNING, "");
    json_object_clear(json_array_get(json_object_get(object, "notes"), 0)); /* what was stored is a copy */
}

static void assert_beetle(const struct car *car)
{
    _cleanup_free_ char *notes = doc_text(car->notes);

    assert_false(car->electric);
    assert_int_equal(car->doors, 0);
    assert_true(car->weight == 2);
    assert_string_equal(car->name, "beetle");
    assert_string_equal(json_string_value(json_array_get(car->tags, 1)), "small");
    assert_string_equal(doc_string(car->labels, "example.com/colour"), "red");
    assert_string_equal(notes, "[{\"amount\":3,\"text\":\"sold\",\"when\":\"2006-01-02T15:04:05Z\"},"
                               "{\"about\":{\"any\":[\"thing\"]},\"amount\":\"2k\",\"text\":\"\"}]");
    assert_int_equal(car->gears, 4);
    assert_int_equal(car->engine.cylinders, 8);
    assert_string_equal(car->engine.fuel, "diesel");
}

static void given_fields_are_stored(void **state)
{
    struct car car;

    (void)state;
    parse_beetle(&car);
    assert_beetle(&car);
    field_release(&car_table, &car);
}

static void a_copy_of_a_member_is_its_own(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    struct car from, to;

    (void)state;
    parse_beetle(&from);
    field_parse(&car_table, NULL, &to, "car", &p);
    for (size_t i = 0; i < car_table.len; i++)
        field_copy(&car_rows[i], &from, &to);
    json_array_clear(from.tags); /* what the copy shared would be empty */
    field_release(&car_table, &from);
    assert_beetle(&to);
    field_release(&car_table, &to);
}

static const struct mistake {
    const char *name, *object, *errors, *warnings;
} mistakes[] = {
    {"flags", "{electric: \"true\"}", "car.electric: must be true or false, but is the string \"true\"", ""},
    {"flags are no numbers", "{electric: 1}", "car.electric: must be true or false, but is 1", ""},
    {"integers too large", "{doors: 8}", "car.doors: must be a whole number from 0 to 7, but is 8", ""},
    {"integers too small", "{doors: -1}", "car.doors: must be a whole number from 0 to 7, but is -1", ""},
    {"integers beyond every limit", "{doors: 1e300}", "car.doors: must be a whole number from 0 to 7, but is 1e300",
     ""},
    {"integers with a fraction", "{doors: 2.5}", "car.doors: must be a whole number from 0 to 7, but is 2.5", ""},
    {"integers in quotes", "{doors: \"4\"}", "car.doors: must be a whole number from 0 to 7, but is the string \"4\"",
     ""},
    {"numbers", "{weight: 3.6}", "car.weight: must be a number from 0 to 3.5, but is 3.6", ""},
    {"texts that YAML reads as something else", "{name: 5}",
     "car.name: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit), but "
     "is 5: write it in quotes",
     ""},
    {"texts of another form", "{name: Beetle}",
     "car.name: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit), but "
     "is the string \"Beetle\"",
     ""},
    {"texts with a NUL", "{name: \"a\\0b\"}",
     "car.name: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit), but "
     "is the string \"a\\u0000b\": the character \\u0000 is in it, which no field takes",
     ""},
    {"lists", "{tags: old}", "car.tags: must be a list, but is the string \"old\"", ""},
    {"long lists", "{tags: [a, b, c, d]}", "car.tags: must have from 0 to 3 entries, but has 4", ""},
    {"short lists", "{notes: []}", "car.notes: must have from 1 to 3 entries, but has 0", ""},
    {"entries", "{tags: [a, {}]}",
     "car.tags[1]: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit), "
     "but is an object",
     ""},
    {"entries that are null", "{tags: [a, null], notes: [null]}",
     "car.tags[1]: must be a DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit), "
     "but is null\n"
     "car.notes[0]: must be an object, but is null",
     ""},
    {"values of maps that are null", "{labels: {kubernetes.io/os: null}}",
     "car.labels[\"kubernetes.io/os\"]: must be the value of a label (at most 63 letters, digits, -, _ and ., "
     "beginning "
     "and ending with a letter or digit), but is null",
     ""},
    {"entries that are twice there", "{tags: [a, b, a]}",
     "car.tags[2]: must be in the list once, but \"a\" is there before", ""},
    {"maps", "{labels: [a]}", "car.labels: must be an object, but is a list", ""},
    {"large maps", "{labels: {a: a, b: b, c: c}}", "car.labels: must have at most 2 entries, but has 3", ""},
    {"keys", "{labels: {a/b/c: x}}",
     "car.labels.a/b/c: the key must be the name of a label such as disktype or kubernetes.io/os", ""},
    {"values", "{labels: {kubernetes.io/os: true}}",
     "car.labels[\"kubernetes.io/os\"]: must be the value of a label (at most 63 letters, digits, -, _ and ., "
     "beginning "
     "and ending with a letter or digit), but is true: write it in quotes",
     ""},
    {"required fields", "{notes: [{}]}", "car.notes[0].text: is required", ""},
    {"required fields that are null", "{notes: [{text: null}]}", "car.notes[0].text: is required", ""},
    {"times", "{notes: [{text: x, when: yesterday}]}",
     "car.notes[0].when: must be a time such as 2006-01-02T15:04:05Z, but is the string \"yesterday\"", ""},
    {"quantities below zero", "{notes: [{text: x, amount: -1}]}",
     "car.notes[0].amount: must be a quantity such as 2, \"500m\" or \"128Mi\", not below zero, but is -1", ""},
    {"quantities with a fraction, which the API server takes in quotes only", "{notes: [{text: x, amount: 0.5}]}",
     "car.notes[0].amount: must be a quantity such as 2, \"500m\" or \"128Mi\", not below zero, but is 0.5: write it "
     "in quotes",
     ""},
    {"groups that are no objects", "{gearbox: 5, engine: [x]}",
     "car.gearbox: must be an object, but is 5\ncar.engine: must be an object, but is a list", ""},
    {"fields of groups", "{gearbox: {gears: 10}, engine: {fuel: coal}}",
     "car.gearbox.gears: must be a whole number from 1 to 9, but is 10\n"
     "car.engine.fuel: must be one of petrol, diesel, but is the string \"coal\"",
     ""},
    {"unknown fields", "{engine: {fule: diesel, Cylinders: 3, colour: red}}", "",
     "car.engine.fule: is no known field and is ignored; did you mean fuel?\n"
     "car.engine.Cylinders: is no known field and is ignored; did you mean cylinders?\n"
     "car.engine.colour: is no known field and is ignored"},
    {"unknown fields with strange names", "{\"a.b\\e[1m\": 1}", "",
     "car[\"a.b?[1m\"]: is no known field and is ignored"},
    {"all together", "{electric: 1, doors: 9, engine: {cylinders: 0}, wheels: 4}",
     "car.electric: must be true or false, but is 1\n"
     "car.doors: must be a whole number from 0 to 7, but is 9\n"
     "car.engine.cylinders: must be a whole number from 1 to 16, but is 0",
     "car.wheels: is no known field and is ignored"},
};

static void mistakes_are_reported_with_path_and_what_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        _cleanup_json_ json_t *object = from_yaml(mistakes[i].object);
        struct car car;
        field_parse(&car_table, object, &car, "car", &p);
        assert_problems(mistakes[i].name, &p, PROBLEM_ERROR, mistakes[i].errors);
        assert_problems(mistakes[i].name, &p, PROBLEM_WARNING, mistakes[i].warnings);
        field_release(&car_table, &car);
    }
}

static void a_wrong_field_has_its_default_and_the_others_their_values(void **state)
{
    _cleanup_problems_ struct problems p = PROBLEMS_INIT;
    _cleanup_json_ json_t *object = from_yaml("{doors: 9, weight: 2, tags: [a, a], engine: 5, gearbox: {gears: 3}}");
    struct car car;

    (void)state;
    field_parse(&car_table, object, &car, "car", &p);
    assert_int_equal(p.errors, 3);
    assert_int_equal(car.doors, 4);
    assert_true(car.weight == 2);
    assert_int_equal(json_array_size(car.tags), 0);
    assert_int_equal(car.engine.cylinders, 4);
    assert_int_equal(car.gears, 3);
    field_release(&car_table, &car);
}

static void without_a_struct_the_same_mistakes_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        _cleanup_problems_ struct problems p = PROBLEMS_INIT;
        _cleanup_json_ json_t *object = from_yaml(mistakes[i].object);
        field_parse(&car_table, object, NULL, "car", &p);
        assert_problems(mistakes[i].name, &p, PROBLEM_ERROR, mistakes[i].errors);
        assert_problems(mistakes[i].name, &p, PROBLEM_WARNING, mistakes[i].warnings);
    }
}

static void the_schema_says_the_same(void **state)
{
    _cleanup_json_ json_t *v1 = field_schema(&car_table, "A car.", SCHEMA_V1);
    _cleanup_json_ json_t *v1beta1 = field_schema(&car_table, "A car.", SCHEMA_V1BETA1);
    static const struct {
        const char *field;
        const char *v1, *v1beta1;
    } cases[] = {
        {"electric", "{description: Whether it is electric., type: boolean, default: true}",
         "{description: \"Whether it is electric. Default: true.\", type: boolean}"},
        {"doors", "{description: How many doors., type: integer, minimum: 0, maximum: 7, default: 4}",
         "{description: \"How many doors. Default: 4.\", type: integer, minimum: 0, maximum: 7}"},
        {"weight", "{description: In tons., type: number, minimum: 0.0, maximum: 3.5, default: 1.5}",
         "{description: \"In tons. Default: 1.5.\", type: number, minimum: 0.0, maximum: 3.5}"},
        {"tags",
         "{description: Words for it., type: array, maxItems: 3, x-kubernetes-list-type: set, default: [],\n"
         " items: {type: string, maxLength: 63, pattern: \"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$\"}}",
         "{description: \"Words for it. Default: [].\", type: array, maxItems: 3,\n"
         " items: {type: string, maxLength: 63, pattern: \"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$\"}}"},
        {"engine",
         "{description: Its engine., type: object, properties: {\n"
         "  cylinders: {description: How many., type: integer, minimum: 1, maximum: 16, default: 4},\n"
         "  fuel: {description: \"What it burns. Default: petrol.\", type: string, enum: [petrol, diesel]}}}",
         "{description: Its engine., type: object, properties: {\n"
         "  cylinders: {description: \"How many. Default: 4.\", type: integer, minimum: 1, maximum: 16},\n"
         "  fuel: {description: \"What it burns. Default: petrol.\", type: string, enum: [petrol, diesel]}}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json_t *desired_v1 = from_yaml(cases[i].v1), *desired_v1beta1 = from_yaml(cases[i].v1beta1);
        _cleanup_free_ char *found_v1 = doc_text(doc_at(v1, "properties", cases[i].field));
        _cleanup_free_ char *found_v1beta1 = doc_text(doc_at(v1beta1, "properties", cases[i].field));
        _cleanup_free_ char *text_v1 = doc_text(desired_v1), *text_v1beta1 = doc_text(desired_v1beta1);
        assert_string_equal(found_v1, text_v1);
        assert_string_equal(found_v1beta1, text_v1beta1);
    }
}

static void the_page_has_every_table_once(void **state)
{
    _cleanup_buf_ struct buf page = BUF_INIT;

    (void)state;
    field_markdown(&car_table, "car", 2, &page);
    assert_string_equal(buf_str(&page), "## car\n\nA car.\n\n"
                                        "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"
                                        "| `electric` | boolean | `true` | Whether it is electric. |\n"
                                        "| `doors` | integer, 0 to 7 | `4` | How many doors. |\n"
                                        "| `weight` | number, 0 to 3.5 | `1.5` | In tons. |\n"
                                        "| `name` | DNS label | none | Its name. |\n"
                                        "| `tags` | list of DNS labels | `[]` | Words for it. |\n"
                                        "| `labels` | map from label to value of a label |  | Labels. |\n"
                                        "| `notes` | list of [Note](#note) |  | Notes. |\n"
                                        "| `gearbox` | [Gearbox](#gearbox) |  | Its gearbox. |\n"
                                        "| `engine` | [Engine](#engine) |  | Its engine. |\n\n"
                                        "### Note\n\nA note.\n\n"
                                        "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"
                                        "| `text` | text | required | What it says. |\n"
                                        "| `when` | time |  | When it was written. |\n"
                                        "| `about` | any value |  | What it is about. |\n"
                                        "| `amount` | quantity |  | How much. |\n\n"
                                        "### Gearbox\n\nA gearbox.\n\n"
                                        "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"
                                        "| `gears` | integer, 1 to 9 | `5` | How many. |\n\n"
                                        "### Engine\n\nAn engine.\n\n"
                                        "| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"
                                        "| `cylinders` | integer, 1 to 16 | `4` | How many. |\n"
                                        "| `fuel` | `petrol`, `diesel` | `petrol`, not stored | What it burns. |\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_fields_have_their_defaults),
        cmocka_unit_test(given_fields_are_stored),
        cmocka_unit_test(a_copy_of_a_member_is_its_own),
        cmocka_unit_test(mistakes_are_reported_with_path_and_what_is_allowed),
        cmocka_unit_test(a_wrong_field_has_its_default_and_the_others_their_values),
        cmocka_unit_test(without_a_struct_the_same_mistakes_are_found),
        cmocka_unit_test(the_schema_says_the_same),
        cmocka_unit_test(the_page_has_every_table_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
