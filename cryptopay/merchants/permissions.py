"""Who may do what in the back office."""

from django.contrib.auth.backends import ModelBackend


class RoleBackend(ModelBackend):
    """Permissions follow from memberships."""
