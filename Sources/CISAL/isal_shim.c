#include "include/isal_shim.h"

#if __has_include(<isa-l/igzip_lib.h>) && __has_include(<isa-l/crc.h>)

#include <dlfcn.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The library of the header's interface: another one has another name. */
static const char library_name[] = "libisal.so.2";

static struct {
    __typeof__(&isal_deflate_init) deflate_init;
    __typeof__(&isal_deflate) deflate;
    __typeof__(&isal_deflate_stateless_init) deflate_stateless_init;
    __typeof__(&isal_deflate_stateless) deflate_stateless;
    __typeof__(&isal_inflate_init) inflate_init;
    __typeof__(&isal_inflate_reset) inflate_reset;
    __typeof__(&isal_inflate) inflate;
    __typeof__(&crc32_gzip_refl) crc32;
    bool loaded;
} library;

static void load(void) {
    void *handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
    struct {
        const char *name;
        void *place;
    } symbols[] = {
        {"isal_deflate_init", &library.deflate_init},
        {"isal_deflate", &library.deflate},
        {"isal_deflate_stateless_init", &library.deflate_stateless_init},
        {"isal_deflate_stateless", &library.deflate_stateless},
        {"isal_inflate_init", &library.inflate_init},
        {"isal_inflate_reset", &library.inflate_reset},
        {"isal_inflate", &library.inflate},
        {"crc32_gzip_refl", &library.crc32},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(handle, symbols[i].name);
        if (!symbol) {
            dlclose(handle);
            return;
        }
        memcpy(symbols[i].place, &symbol, sizeof symbol);
    }
    library.loaded = true;
}

bool pgm_isal_load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return library.loaded;
}

struct pgm_isal_encoder {
    struct isal_zstream stream;
    uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
};

static void use_level_1(struct pgm_isal_encoder *encoder) {
    encoder->stream.level = 1;
    encoder->stream.level_buf = encoder->level_buffer;
    encoder->stream.level_buf_size = sizeof encoder->level_buffer;
}

struct pgm_isal_encoder *pgm_isal_encoder_make(void) {
    /* Zeros: the search for matches looks into the buffer, and equal input is to give equal output. */
    struct pgm_isal_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) return NULL;
    library.deflate_init(&encoder->stream);
    use_level_1(encoder);
    encoder->stream.gzip_flag = IGZIP_GZIP;
    return encoder;
}

void pgm_isal_encoder_free(struct pgm_isal_encoder *encoder) { free(encoder); }

/* ISA-L counts in 32 bits. */
static uint32_t clamped(size_t count) { return count > 1U << 30 ? 1U << 30 : (uint32_t)count; }

int pgm_isal_deflate(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step, enum pgm_isal_flush flush) {
    struct isal_zstream *stream = &encoder->stream;
    uint32_t input = clamped(step->input_count), room = clamped(step->output_room);
    bool last = input == step->input_count;
    stream->next_in = (uint8_t *)step->input;
    stream->avail_in = input;
    stream->next_out = step->output;
    stream->avail_out = room;
    stream->flush = last && flush == PGM_ISAL_FULL_FLUSH ? FULL_FLUSH : NO_FLUSH;
    stream->end_of_stream = last && flush == PGM_ISAL_FINISH;
    int code = library.deflate(stream);
    step->input = stream->next_in;
    step->input_count -= input - stream->avail_in;
    step->output = stream->next_out;
    step->output_room -= room - stream->avail_out;
    return code;
}

int pgm_isal_deflate_chunk(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step) {
    struct isal_zstream *stream = &encoder->stream;
    uint32_t input = clamped(step->input_count), room = clamped(step->output_room);
    if (input != step->input_count) return INVALID_PARAM;
    library.deflate_stateless_init(stream);
    use_level_1(encoder);
    stream->next_in = (uint8_t *)step->input;
    stream->avail_in = input;
    stream->next_out = step->output;
    stream->avail_out = room;
    stream->flush = FULL_FLUSH;
    stream->end_of_stream = 0;
    stream->gzip_flag = IGZIP_DEFLATE;
    int code = library.deflate_stateless(stream);
    step->input = stream->next_in;
    step->input_count = stream->avail_in;
    step->output = stream->next_out;
    step->output_room -= room - stream->avail_out;
    return code;
}

struct pgm_isal_decoder {
    struct inflate_state state;
};

struct pgm_isal_decoder *pgm_isal_decoder_make(void) {
    struct pgm_isal_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder) return NULL;
    library.inflate_init(&decoder->state);
    return decoder;
}

void pgm_isal_decoder_free(struct pgm_isal_decoder *decoder) { free(decoder); }

void pgm_isal_decoder_reset(struct pgm_isal_decoder *decoder, enum pgm_isal_format format) {
    library.inflate_reset(&decoder->state);
    decoder->state.crc_flag = format == PGM_ISAL_GZIP_BODY ? ISAL_GZIP_NO_HDR_VER : ISAL_DEFLATE;
}

enum pgm_isal_state pgm_isal_inflate(struct pgm_isal_decoder *decoder, struct pgm_isal_step *step) {
    struct inflate_state *state = &decoder->state;
    uint32_t input = clamped(step->input_count), room = clamped(step->output_room);
    state->next_in = (uint8_t *)step->input;
    state->avail_in = input;
    state->next_out = step->output;
    state->avail_out = room;
    int code = library.inflate(state);
    step->input = state->next_in;
    step->input_count -= input - state->avail_in;
    step->output = state->next_out;
    step->output_room -= room - state->avail_out;
    if (code == ISAL_INCORRECT_CHECKSUM) return PGM_ISAL_WRONG_SUM;
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT && code != ISAL_OUT_OVERFLOW) return PGM_ISAL_CORRUPT;
    return state->block_state == ISAL_BLOCK_FINISH ? PGM_ISAL_MEMBER_ENDS : PGM_ISAL_MORE;
}

uint32_t pgm_isal_crc32(uint32_t sum, const uint8_t *bytes, size_t count) {
    return library.crc32(sum, bytes, count);
}

#else

/* Built without ISA-L. */
bool pgm_isal_load(void) { return false; }
struct pgm_isal_encoder *pgm_isal_encoder_make(void) { return NULL; }
void pgm_isal_encoder_free(struct pgm_isal_encoder *encoder) { (void)encoder; }
struct pgm_isal_decoder *pgm_isal_decoder_make(void) { return NULL; }
void pgm_isal_decoder_free(struct pgm_isal_decoder *decoder) { (void)decoder; }

int pgm_isal_deflate(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step, enum pgm_isal_flush flush) {
    (void)encoder, (void)step, (void)flush;
    return -1;
}

int pgm_isal_deflate_chunk(struct pgm_isal_encoder *encoder, struct pgm_isal_step *step) {
    (void)encoder, (void)step;
    return -1;
}


void pgm_isal_decoder_reset(struct pgm_isal_decoder *decoder, enum pgm_isal_format format) {
    (void)decoder, (void)format;
}

enum pgm_isal_state pgm_isal_inflate(struct pgm_isal_decoder *decoder, struct pgm_isal_step *step) {
    (void)decoder, (void)step;
    return PGM_ISAL_CORRUPT;
}

uint32_t pgm_isal_crc32(uint32_t sum, const uint8_t *bytes, size_t count) {
    (void)bytes, (void)count;
    return sum;
}

#endif
