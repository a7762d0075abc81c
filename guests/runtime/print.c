#include "print.h"

#include <stdarg.h>

#include "uart.h"

/* Where characters go: a buffer, or the console when `buffer` is null. */
struct sink {
  char *buffer;
  size_t size;
  size_t length;
};

static void put(struct sink *sink, char character) {
  if (!sink->buffer) {
    uart_write((uint8_t)character);
  } else if (sink->length + 1 < sink->size) {
    sink->buffer[sink->length++] = character;
  }
}

static void put_number(struct sink *sink, uint64_t value, uint32_t base, uint32_t width) {
  char digits[20];
  uint32_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  for (uint32_t padding = count; padding < width; padding++) put(sink, '0');
  while (count) put(sink, digits[--count]);
}

static void format_into(struct sink *sink, const char *format, va_list arguments) {
  for (; *format; format++) {
    if (*format != '%') {
      put(sink, *format);
      continue;
    }
    uint32_t width = 0;
    while (*++format >= '0' && *format <= '9') width = width * 10 + (uint32_t)(*format - '0');
    switch (*format) {
      case 's':
        for (const char *text = va_arg(arguments, const char *); *text; text++) put(sink, *text);
        break;
      case 'c':
        put(sink, (char)va_arg(arguments, int));
        break;
      case 'u':
        put_number(sink, va_arg(arguments, uint64_t), 10, width);
        break;
      case 'd': {
        int64_t value = va_arg(arguments, int64_t);
        if (value < 0) put(sink, '-');
        put_number(sink, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width);
        break;
      }
      case 'x':
        put_number(sink, va_arg(arguments, uint64_t), 16, width);
        break;
      default:
        put(sink, *format);
    }
  }
}

void print(const char *format, ...) {
  struct sink sink = {0};
  va_list arguments;
  va_start(arguments, format);
  format_into(&sink, format, arguments);
  va_end(arguments);
}

size_t print_into(char *buffer, size_t size, const char *format, ...) {
  struct sink sink = {.buffer = buffer, .size = size};
  va_list arguments;
  va_start(arguments, format);
  format_into(&sink, format, arguments);
  va_end(arguments);
  buffer[sink.length] = 0;
  return sink.length;
}
