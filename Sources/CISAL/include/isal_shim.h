#ifndef PGMAHOUT_ISAL_SHIM_H
#define PGMAHOUT_ISAL_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * ISA-L's deflate and inflate, where they are: the header when this is built, and libisal.so.2 when it is first asked
 * for. Without either pgm_isal_load() says no, and nothing else may be called. Nothing here is safe for two threads at
 * one object.
 */
bool pgm_isal_load(void);

/* What is left of the input and of the room for output; moved on by each call. */
struct pgm_isal_step {
    const uint8_t *input;
    size_t input_count;
    uint8_t *output;
    size_t output_room;
};

/* Compression at level 1. */
struct pgm_isal_encoder;

/* NULL: no memory. */
struct pgm_isal_encoder *pgm_isal_encoder_make(void);
void pgm_isal_encoder_free(struct pgm_isal_encoder *encoder);

enum pgm_isal_flush {
    PGM_ISAL_GO_ON,
    /* Ends at a byte boundary and forgets the window. */
    PGM_ISAL_FULL_FLUSH,
    PGM_ISAL_FINISH,
};

/* One step of one gzip member. To be repeated while the room for output is used up. 0, or ISA-L's error. */
int pgm_isal_deflate(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step, enum pgm_isal_flush flush);

/* Deflates `step->input` by itself, without header, and ends it with a full flush. 0, or ISA-L's error. */
int pgm_isal_deflate_chunk(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step);

/* Decompression. */
struct pgm_isal_decoder;

struct pgm_isal_decoder *pgm_isal_decoder_make(void);
void pgm_isal_decoder_free(struct pgm_isal_decoder *decoder);

enum pgm_isal_state { PGM_ISAL_MORE, PGM_ISAL_MEMBER_ENDS, PGM_ISAL_CORRUPT, PGM_ISAL_WRONG_SUM };

/* What comes next: a gzip member behind its header, its sum and length included; or a chunk of one by itself. */
enum pgm_isal_format { PGM_ISAL_GZIP_BODY, PGM_ISAL_CHUNK };

void pgm_isal_decoder_reset(struct pgm_isal_decoder *decoder, enum pgm_isal_format format);
enum pgm_isal_state pgm_isal_inflate(struct pgm_isal_decoder *decoder, struct pgm_isal_step *step);

/* gzip's CRC-32, starting with 0. */
uint32_t pgm_isal_crc32(uint32_t sum, const uint8_t *bytes, size_t count);

#endif
