# What Cython modules use of ext/addresses.pyx.

cdef extern from "poller.h":
    struct websockets_place:
        unsigned int size


cdef object address_of_place(websockets_place *place)
cdef object address_of_socket(int descriptor)
cdef object address_of_peer(int descriptor)
