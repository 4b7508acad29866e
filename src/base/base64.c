#include "base/base64.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"

char *base64_encode(const void *data, size_t len)
{
    char *text = mem_new0(4 * ((len + 2) / 3) + 1, 1);

    EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    return text;
}

static int value_of(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

bool base64_decode(const char *text, size_t len, char **ret, size_t *ret_len)
{
    size_t size = 3 * (len / 4 + 1) + 1, out = 0, digits = 0, padding = 0;
    char *data = mem_new0(size, 1);
    unsigned bits = 0;
    bool good = true;

    for (size_t i = 0; i < len && good; i++) {
        int value = value_of(text[i]);
        if (text[i] == '\n' || text[i] == '\r')
            continue;
        if (text[i] == '=' && digits % 4 >= 2 && (digits + padding) % 4) {
            padding++;
            continue;
        }
        good = value >= 0 && !padding;
        bits = bits << 6 | ((unsigned)value & 63);
        if (digits++ % 4)
            data[out++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)) & 255);
    }
    /* Two digits make a byte and four idle bits, three make two bytes and two. */
    good = good && (digits + padding) % 4 == 0 && (digits % 4 == 0 || !(bits & (digits % 4 == 2 ? 15 : 3)));
    if (!good) {
        mem_free_secret(data, size);
        return false;
    }
    data[out] = '\0';
    *ret = data;
    *ret_len = out;
    return true;
}
