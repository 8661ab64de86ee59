"""The ASGI application: endpoints, responses, and faults on the wire."""
