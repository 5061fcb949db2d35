#include "include/pages.h"

#include <string.h>

enum { sums = 32, rounds = PGM_PAGE_SIZE / (4 * sums) };

#define FNV_PRIME 16777619u

static const uint32_t offsets[sums] = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
};

/* Offsets in PageHeaderData. */
enum { field_checksum = 8, field_upper = 14 };

/* Where the compiler can, in a version for machines with wider vectors as well. */
#if defined(__x86_64__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define FAST __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef FAST
#define FAST
#endif

FAST static uint32_t fold(const uint8_t *page) {
    uint32_t sum[sums], word[sums];
    memcpy(sum, offsets, sizeof sum);
    for (int i = 0; i < rounds; i++) {
        memcpy(word, page + (size_t)i * sizeof word, sizeof word);
        if (i == 0) word[field_checksum / 4] &= 0xFFFF0000u;
        for (int j = 0; j < sums; j++) {
            uint32_t mixed = sum[j] ^ word[j];
            sum[j] = mixed * FNV_PRIME ^ mixed >> 17;
        }
    }
    /* Two more rounds of zeros, so that the last words are mixed as well. */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < sums; j++) sum[j] = sum[j] * FNV_PRIME ^ sum[j] >> 17;
    uint32_t result = 0;
    for (int j = 0; j < sums; j++) result ^= sum[j];
    return result;
}

uint16_t pgm_page_checksum(const uint8_t *page, uint32_t block) {
    return (uint16_t)((fold(page) ^ block) % 65535 + 1);
}

static uint16_t half(const uint8_t *page, size_t offset) {
    uint16_t value;
    memcpy(&value, page + offset, sizeof value);
    return value;
}

size_t pgm_pages_check(const uint8_t *pages, size_t first, size_t count, uint32_t block, uint64_t start) {
    for (size_t i = first; i < count; i++) {
        const uint8_t *page = pages + i * PGM_PAGE_SIZE;
        /* pd_upper is zero in a page that was never written. */
        if (half(page, field_upper) == 0) continue;
        uint32_t lsn[2];
        memcpy(lsn, page, sizeof lsn);
        if (((uint64_t)lsn[0] << 32 | lsn[1]) >= start) continue;
        if (pgm_page_checksum(page, block + (uint32_t)i) != half(page, field_checksum)) return i;
    }
    return count;
}

/* Reflected. */
#define POLYNOMIAL 0x82F63B78u

static uint32_t crc_bytes(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int j = 0; j < 8; j++) crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
    }
    return crc;
}

/* table[k][b]: byte b with k zero bytes behind it. */
static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void) {
    for (int b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b;
        table[0][b] = crc_bytes(0, &byte, 1);
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++) table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *bytes, size_t count) {
    while (count >= 8) {
        uint32_t low = crc ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                              (uint32_t)bytes[3] << 24);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^ table[0][bytes[7]];
        bytes += 8;
        count -= 8;
    }
    while (count--) crc = crc >> 8 ^ table[0][(crc ^ *bytes++) & 255];
    return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *bytes,
                                                                     size_t count) {
    uint64_t wide = crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    while (count--) crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}

static uint32_t crc(uint32_t sum, const uint8_t *bytes, size_t count) {
    return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(sum, bytes, count)
                                            : crc_by_table(sum, bytes, count);
}

#elif defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

static uint32_t crc(uint32_t sum, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        sum = __crc32cd(sum, word);
    }
    while (count--) sum = __crc32cb(sum, *bytes++);
    return sum;
}

#else

static uint32_t crc(uint32_t sum, const uint8_t *bytes, size_t count) { return crc_by_table(sum, bytes, count); }

#endif

uint32_t pgm_crc32c(uint32_t sum, const uint8_t *bytes, size_t count) { return ~crc(~sum, bytes, count); }

/* a times b modulo the polynomial; the highest bit stands for 1. */
static uint32_t product(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (; a; a <<= 1) {
        if (a & 0x80000000u) result ^= b;
        b = b >> 1 ^ (POLYNOMIAL & -(b & 1));
    }
    return result;
}

uint32_t pgm_crc32c_combine(uint32_t first, uint32_t second, uint64_t count) {
    /* x to the power of 8 * count, by squares. */
    uint32_t power = 0x80000000u, square = 0x00800000u;
    for (; count; count >>= 1) {
        if (count & 1) power = product(power, square);
        square = product(square, square);
    }
    return product(power, first) ^ second;
}
