"""The receiver as an ASGI and a WSGI application."""
