#ifndef PGMAHOUT_PAGES_H
#define PGMAHOUT_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* PostgreSQL's pages and its CRC-32C: loops that have to run at the speed of memory. */

/* Bytes of a page that the checksum below is defined for; servers with other ones are not checked. */
enum { PGM_PAGE_SIZE = 8192 };

/* pg_checksum_page() of checksum_impl.h; the page's own checksum field counts as zero. */
uint16_t pgm_page_checksum(const uint8_t *page, uint32_t block);

/*
 * The first of `count` pages, from `first` on, whose checksum is wrong though nothing has changed it since `start`;
 * `count` when there is none. `block` is that of page 0. New pages have no checksum, and what was changed since `start`
 * (an LSN) may be torn and is mended by replay.
 */
size_t pgm_pages_check(const uint8_t *pages, size_t first, size_t count, uint32_t block, uint64_t start);

/* CRC-32C as PostgreSQL's INIT_CRC32C, COMP_CRC32C, FIN_CRC32C make it; 0 for no bytes. */
uint32_t pgm_crc32c(uint32_t sum, const uint8_t *bytes, size_t count);

/* That of two pieces behind each other, the second one of `count` bytes. */
uint32_t pgm_crc32c_combine(uint32_t first, uint32_t second, uint64_t count);

#endif
