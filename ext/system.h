/* Whether the system's own calls are used, which are those of POSIX and beyond.
 *
 * Key decision: where they aren't, as on Windows, every header has stand-ins for its functions, which
 * tell that there is nothing; so what is built there can be built everywhere, by
 * CFLAGS=-DWEBSOCKETS_POSIX=0, as a test does it.
 */

#ifndef WEBSOCKETS_SYSTEM_H
#define WEBSOCKETS_SYSTEM_H

#ifndef WEBSOCKETS_POSIX
#ifdef _WIN32
#define WEBSOCKETS_POSIX 0
#else
#define WEBSOCKETS_POSIX 1
#endif
#endif

#endif
