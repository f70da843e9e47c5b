/* Messages there and back through zlib, with nothing around it: states that are reset, buffers that
 * are there. bench_deflate.py compiles this and measures what is left to gain. */

#include <string.h>
#include <zlib.h>

#define MOST 65536

static unsigned char deflated[2 * MOST], inflated[MOST];

/* Return 0, or the number of the first message that came back as another one. */
int
there_and_back(unsigned char **messages, int count, unsigned int size, int level, int bits,
               int mem_level, int takeover)
{
    static z_stream deflating, inflating;
    static int settings[3];
    int i;

    if (size >= MOST - 512)
        return -1;
    if (settings[0] != level || settings[1] != bits || settings[2] != mem_level) {
        settings[0] = level, settings[1] = bits, settings[2] = mem_level;
        deflateEnd(&deflating);
        inflateEnd(&inflating);
        deflateInit2(&deflating, level, Z_DEFLATED, -bits, mem_level, Z_DEFAULT_STRATEGY);
        inflateInit2(&inflating, -15);
    }
    for (i = 0; i < count; i++) {
        if (!takeover || i == 0) {
            deflateReset(&deflating);
            inflateReset(&inflating);
        }
        deflating.next_in = messages[i];
        deflating.avail_in = size;
        deflating.next_out = deflated;
        deflating.avail_out = sizeof deflated;
        deflate(&deflating, Z_SYNC_FLUSH);
        inflating.next_in = deflated;
        inflating.avail_in = (unsigned int)(deflating.next_out - deflated);
        inflating.next_out = inflated;
        inflating.avail_out = size + 512;
        inflate(&inflating, Z_SYNC_FLUSH);
        if (memcmp(inflated, messages[i], size) != 0)
            return i + 1;
    }
    return 0;
}
