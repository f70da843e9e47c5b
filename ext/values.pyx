"""
Frames as values, which programs get as events: the compiled twin of websockets/_core/values.py.

Owns how such an object comes to be. Must never know what its class can do otherwise. Key decision:
the function behind object.__new__() is called itself; to call that as programs do takes as long as
the rest.
"""

cdef extern from *:
    """
    /* What CPython prepares for attributes is prepared there, not where memory is allocated. */
    static PyObject *websockets_new(PyObject *cls, PyObject *nothing)
    {
        return ((PyTypeObject *) cls)->tp_new((PyTypeObject *) cls, nothing, NULL);
    }
    """
    object websockets_new(object cls, object nothing)

cdef tuple NOTHING = ()


cdef class FrameMaker:
    """Make events of frames; the pure twin describes the arguments."""

    def __init__(self, cls, tuple opcodes):
        if not isinstance(cls, type):
            raise TypeError("a class is required")
        self._cls = cls
        self._opcodes = opcodes

    cpdef make(self, int opcode, data, bint fin):
        """Return an event."""
        frame = websockets_new(self._cls, NOTHING)
        frame.opcode = self._opcodes[opcode]
        frame.data = data
        if not fin:
            frame.fin = False
        return frame
