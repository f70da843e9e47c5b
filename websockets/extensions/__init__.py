"""Extensions (RFC 6455 section 9): the interface in ``base``, compression in the other module."""

from .base import ClientExtensionFactory, Extension, ServerExtensionFactory

__all__ = ["ClientExtensionFactory", "Extension", "ServerExtensionFactory"]
