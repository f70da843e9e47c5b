"""
Addresses of sockets, as Python has them: the compiled twin of websockets/_core/addresses.py.

Owns nothing: poller.h has the questions to the system. An address that isn't known is None.
"""

cdef extern from "Python.h":
    object PyUnicode_DecodeFSDefaultAndSize(const char *path, Py_ssize_t size)

cdef extern from "poller.h":
    enum:
        IPV4 "WEBSOCKETS_IPV4"
        IPV6 "WEBSOCKETS_IPV6"
        PATH "WEBSOCKETS_PATH"
    struct websockets_address:
        int family
        char *host
        int port
        unsigned int flow
        unsigned int scope
        size_t length
    void websockets_address_of_place(
        websockets_place *place, websockets_address *address
    ) noexcept
    void websockets_address_of_socket(int descriptor, websockets_address *address) noexcept
    void websockets_address_of_peer(int descriptor, websockets_address *address) noexcept


cdef object address_of_place(websockets_place *place):
    """Return the address that the system has told."""
    cdef websockets_address found
    websockets_address_of_place(place, &found)
    return address(&found)


cdef object address_of_socket(int descriptor):
    """Return the address of a socket itself."""
    cdef websockets_address found
    websockets_address_of_socket(descriptor, &found)
    return address(&found)


cdef object address_of_peer(int descriptor):
    """Return the address of a socket's peer."""
    cdef websockets_address found
    websockets_address_of_peer(descriptor, &found)
    return address(&found)


cdef object address(websockets_address *found):
    """Return an address as Python has it, None if there is none."""
    if found.family == PATH:
        if found.length and found.host[0] == 0:
            return found.host[: found.length]
        return PyUnicode_DecodeFSDefaultAndSize(found.host, found.length)
    if found.family == IPV4:
        return found.host.decode("ascii"), found.port
    if found.family == IPV6:
        return found.host.decode("ascii"), found.port, found.flow, found.scope
    return None
