#include "kube/quantity.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/*
 * Digits of a number in thousandths or billionths, the least first. The longest: 64 digits with "E" (18 more), in
 * billionths; a binary suffix adds 19.
 */
#define TEXT_DIGITS_MAX 64
#define DIGITS_MAX 128

struct quantity {
    bool negative;
    int len;
    uint8_t digits[DIGITS_MAX]; /* below `len`, the last one is not zero; zero has none */
};

static bool read_exponent(const char *s, int *ret)
{
    int64_t value;

    if (*s == '+')
        s++;
    if (!str_to_int64(s, &value) || value > INT32_MAX || value < INT32_MIN)
        return false;
    *ret = (int)value;
    return true;
}

static bool read_suffix(const char *s, int *ret_tens, int *ret_twos)
{
    static const struct {
        const char *suffix;
        int tens, twos;
    } suffixes[] = {
        {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
        {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
        {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
    };

    *ret_twos = 0;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (!str_eq(s, suffixes[i].suffix))
            continue;
        *ret_tens = suffixes[i].tens;
        *ret_twos = suffixes[i].twos;
        return true;
    }
    return (*s == 'e' || *s == 'E') && read_exponent(s + 1, ret_tens);
}

static void trim(struct quantity *q)
{
    while (q->len && !q->digits[q->len - 1])
        q->len--;
}

/* False where it is too long. */
static bool twice(struct quantity *q)
{
    int carry = 0;

    for (int i = 0; i < q->len; i++) {
        int digit = 2 * q->digits[i] + carry;
        q->digits[i] = (uint8_t)(digit % 10);
        carry = digit / 10;
    }
    if (carry && q->len == DIGITS_MAX)
        return false;
    if (carry)
        q->digits[q->len++] = 1;
    return true;
}

static bool add_one(struct quantity *q)
{
    int i = 0;

    while (i < q->len && q->digits[i] == 9)
        q->digits[i++] = 0;
    if (i < q->len)
        q->digits[i]++;
    else if (q->len == DIGITS_MAX)
        return false;
    else
        q->digits[q->len++] = 1;
    return true;
}

/* Times 10^tens, rounded up. False where it is too long. */
static bool shift(struct quantity *q, int64_t tens)
{
    bool rest = false;

    if (!q->len || !tens)
        return true;
    if (tens > 0) {
        if (tens > DIGITS_MAX - q->len)
            return false;
        memmove(q->digits + tens, q->digits, (size_t)q->len);
        memset(q->digits, 0, (size_t)tens);
        q->len += (int)tens;
        return true;
    }
    for (int i = 0; i < q->len && i < -tens; i++)
        rest = rest || q->digits[i];
    if (-tens >= q->len) {
        q->len = 0;
    } else {
        q->len += (int)tens;
        memmove(q->digits, q->digits - tens, (size_t)q->len);
    }
    return !rest || add_one(q);
}

static int compare_sizes(const struct quantity *a, const struct quantity *b)
{
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    for (int i = a->len; i-- > 0;)
        if (a->digits[i] != b->digits[i])
            return a->digits[i] < b->digits[i] ? -1 : 1;
    return 0;
}

static void cap(struct quantity *q, int precision)
{
    static const char most[] = "9223372036854775807";
    struct quantity limit = {.negative = q->negative};

    for (size_t i = sizeof(most) - 1; i-- > 0;)
        limit.digits[limit.len++] = (uint8_t)(most[i] - '0');
    shift(&limit, precision);
    if (compare_sizes(q, &limit) > 0)
        *q = limit;
}

/* The number before the suffix, without its point. Returns what is behind it, or NULL. */
static const char *read_number(const char *s, struct quantity *ret, int *ret_fraction)
{
    struct quantity q = {0};
    bool any = false, point = false;

    *ret_fraction = 0;
    for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        any = true;
        *ret_fraction += point;
        if (!q.len && *s == '0')
            continue;
        if (q.len == TEXT_DIGITS_MAX)
            return NULL;
        q.digits[q.len++] = (uint8_t)(*s - '0');
    }
    for (int i = 0; i < q.len / 2; i++) {
        uint8_t first = q.digits[i];
        q.digits[i] = q.digits[q.len - 1 - i];
        q.digits[q.len - 1 - i] = first;
    }
    *ret = q;
    return any ? s : NULL;
}

static bool quantity_read(const char *s, enum kube_precision precision, struct quantity *ret)
{
    struct quantity q;
    bool negative = *s == '-';
    int fraction, tens, twos;

    s = read_number(s + (*s == '+' || *s == '-'), &q, &fraction);
    if (!s || !read_suffix(s, &tens, &twos))
        return false;
    for (int i = 0; i < twos; i++)
        if (!twice(&q))
            return false;
    if (!shift(&q, (int64_t)tens + KUBE_NANO - fraction))
        return false;
    if (twos)
        cap(&q, KUBE_NANO);
    if (!shift(&q, (int)precision - KUBE_NANO))
        return false;
    trim(&q);
    q.negative = negative && q.len;
    *ret = q;
    return true;
}

bool kube_quantity_compare(const char *a, const char *b, enum kube_precision precision, int *ret)
{
    struct quantity x, y;

    if (!quantity_read(a, precision, &x) || !quantity_read(b, precision, &y))
        return false;
    if (x.negative != y.negative)
        *ret = x.negative ? -1 : 1;
    else
        *ret = x.negative ? compare_sizes(&y, &x) : compare_sizes(&x, &y);
    return true;
}

bool kube_quantity_equal(const char *a, const char *b, enum kube_precision precision)
{
    int order;

    return str_eq(a, b) || (kube_quantity_compare(a, b, precision, &order) && !order);
}

bool kube_quantity_is_whole(const char *text)
{
    struct quantity q;
    bool whole = quantity_read(text, KUBE_MILLI, &q);

    for (int i = 0; whole && i < KUBE_MILLI && i < q.len; i++)
        whole = !q.digits[i];
    return whole;
}

bool kube_quantity_round_up(const char *text, int digits, int64_t *ret)
{
    struct quantity q;

    if (!quantity_read(text, (enum kube_precision)digits, &q) || q.negative || q.len > 18)
        return false;
    *ret = 0;
    for (int i = q.len; i-- > 0;)
        *ret = *ret * 10 + q.digits[i];
    return true;
}

bool kube_quantity_is_multiple(const char *text, const char *of)
{
    int64_t amount, unit;

    return kube_quantity_round_up(text, 0, &amount) && kube_quantity_round_up(of, 0, &unit) && unit &&
           kube_quantity_is_whole(of) && amount % unit == 0;
}

const char *kube_quantity_text(const json_t *value, char number[KUBE_QUANTITY_NUMBER])
{
    if (json_is_integer(value))
        snprintf(number, KUBE_QUANTITY_NUMBER, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, KUBE_QUANTITY_NUMBER, "%.17g", json_real_value(value));
    else
        return json_string_value(value);
    return number;
}
