#include "CPlatform.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* CRC-32C (Castagnoli), reflected: by the processor's own instruction where it has one, by eight tables elsewhere. */

static uint32_t tables[8][256];

__attribute__((constructor)) static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0x82F63B78u : value >> 1;
        tables[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int table = 1; table < 8; table++)
            tables[table][byte] = tables[table - 1][byte] >> 8 ^ tables[0][tables[table - 1][byte] & 0xFF];
}

static uint32_t by_tables(uint32_t value, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint32_t low = value ^ (bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
        value = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24]
            ^ tables[3][bytes[4]] ^ tables[2][bytes[5]] ^ tables[1][bytes[6]] ^ tables[0][bytes[7]];
    }
    while (count--) value = value >> 8 ^ tables[0][(value ^ *bytes++) & 0xFF];
    return value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t value, const uint8_t *bytes, size_t count) {
    uint64_t wide = value, word;
    for (; count >= 8; bytes += 8, count -= 8) {
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    value = (uint32_t)wide;
    while (count--) value = __builtin_ia32_crc32qi(value, *bytes++);
    return value;
}
#endif

unsigned int cpf_crc32c(unsigned int crc, const void *bytes, unsigned long count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(~crc, bytes, count);
#endif
    return ~by_tables(~crc, bytes, count);
}

unsigned int cpf_crc32c_by_tables(unsigned int crc, const void *bytes, unsigned long count) {
    return ~by_tables(~crc, bytes, count);
}
