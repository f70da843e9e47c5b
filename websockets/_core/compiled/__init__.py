"""
The compiled twins of the modules of websockets._core, where they have been built.

Only extension modules live here, one for each module of the package above, under the same name. A
twin made from that module's own text finds its siblings here too, because the text imports them
relatively.
"""
