"""
Frames as values, which programs get as events: the compiled twin of websockets/_core/values.py.

Owns how such an object comes to be, and how fast its opcode's name is found. Must never know what
its class can do otherwise. Key decisions:

- The function behind object.__new__() is called itself; to call that as programs do takes as long
  as the rest.
- Up to Python 3.11, a metaclass of enums has a __getattr__() of Python's, for which each member
  that is found takes 850 instructions, as much as it takes to receive a short frame. It is asked
  here where nothing was found, which gives the same answers.
"""

cdef extern from *:
    """
    /* What CPython prepares for attributes is prepared there, not where memory is allocated. */
    static PyObject *websockets_new(PyObject *cls, PyObject *nothing)
    {
        return ((PyTypeObject *) cls)->tp_new((PyTypeObject *) cls, nothing, NULL);
    }

    static getattrofunc websockets_thorough;

    static PyObject *websockets_lookup(PyObject *cls, PyObject *name)
    {
        PyObject *found = PyType_Type.tp_getattro(cls, name);
        if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            found = websockets_thorough(cls, name);
        }
        return found;
    }

    static void websockets_quicken(PyObject *metaclass)
    {
        PyTypeObject *type = (PyTypeObject *) metaclass;
        getattrofunc usual = type->tp_getattro;
        if (usual == PyType_Type.tp_getattro || usual == websockets_lookup
            || (websockets_thorough != NULL && usual != websockets_thorough))
            return;
        websockets_thorough = usual;
        type->tp_getattro = websockets_lookup;
        PyType_Modified(type);
    }
    """
    object websockets_new(object cls, object nothing)
    void websockets_quicken(object metaclass)

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


def quicken(metaclass):
    """Make the attributes of its classes quick to find; the pure twin describes the arguments."""
    if not issubclass(metaclass, type):
        raise TypeError("a metaclass is required")
    websockets_quicken(metaclass)
    return metaclass
