#define _GNU_SOURCE
#include "report.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

// By hand and not by stdio and gmtime: those take heap and may read the time zone from a disk that hangs.

struct line {
    char text[3072];
    size_t length;
};

static void append_byte(struct line *line, char byte) {
    // Room is kept for what closes the line.
    if (line->length < sizeof line->text - 8) line->text[line->length++] = byte;
}

static void append(struct line *line, const char *text) {
    while (*text != '\0') append_byte(line, *text++);
}

static void append_number(struct line *line, long long value, int width) {
    char digits[24];
    int count = 0;
    bool negative = value < 0;
    unsigned long long rest = negative ? 0ull - (unsigned long long)value : (unsigned long long)value;
    do digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    while (count < width && count < (int)sizeof digits) digits[count++] = '0';
    if (negative) append_byte(line, '-');
    while (count > 0) append_byte(line, digits[--count]);
}

static void append_string(struct line *line, const char *text) {
    static const char hex[] = "0123456789abcdef";
    append_byte(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') append_byte(line, '\\');
        if (byte < 0x20) {
            append(line, "\\u00");
            append_byte(line, hex[byte >> 4]);
            append_byte(line, hex[byte & 15]);
        } else {
            append_byte(line, (char)byte);
        }
    }
    append_byte(line, '"');
}

static void append_member(struct line *line, const char *name, const char *value) {
    append(line, ",\"");
    append(line, name);
    append(line, "\":");
    append_string(line, value);
}

/// The civil date of a day counted from 1970-01-01, in years that begin in March, so that the leap day comes last.
static void append_date(struct line *line, long long day) {
    day += 719468;
    long long era = day / 146097;
    long long day_of_era = day - era * 146097;
    long long year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    long long day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    long long month_from_march = (5 * day_of_year + 2) / 153;
    long long month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    append_number(line, year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4);
    append_byte(line, '-');
    append_number(line, month, 2);
    append_byte(line, '-');
    append_number(line, day_of_year - (153 * month_from_march + 2) / 5 + 1, 2);
}

static void append_timestamp(struct line *line) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long seconds = now.tv_sec;
    append_byte(line, '"');
    append_date(line, seconds / 86400);
    append_byte(line, 'T');
    append_number(line, seconds / 3600 % 24, 2);
    append_byte(line, ':');
    append_number(line, seconds / 60 % 60, 2);
    append_byte(line, ':');
    append_number(line, seconds % 60, 2);
    append_byte(line, '.');
    append_number(line, now.tv_nsec / 1000000, 3);
    append(line, "Z\"");
}

void report(const char *level, const char *message, const char *reason, int processes, const char *data_directory) {
    struct line line = {.length = 0};
    append(&line, "{\"ts\":");
    append_timestamp(&line);
    append_member(&line, "level", level);
    append_member(&line, "logger", "guard");
    append_member(&line, "msg", message);
    if (reason != NULL) append_member(&line, "reason", reason);
    if (processes >= 0) {
        append(&line, ",\"processes\":");
        append_number(&line, processes, 0);
    }
    // Last and cut to what is sure to fit, so that the line stays valid JSON.
    char directory[384];
    size_t length = 0;
    for (; data_directory[length] != '\0' && length < sizeof directory - 1; length++)
        directory[length] = data_directory[length];
    directory[length] = '\0';
    if (length > 0) append_member(&line, "dataDirectory", directory);
    line.text[line.length++] = '}';
    line.text[line.length++] = '\n';
    // A pipe that is ready has room for 4096 bytes: the write cannot wait for a log reader that hangs.
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 1) (void)!write(STDERR_FILENO, line.text, line.length);
}
