"""How passwords are hashed: Argon2id with the parameters that OWASP names for 19 MiB of memory.

Django's own parameters take 100 MiB and eight lanes, which a web process with several threads doesn't have for each
sign-in. Hashes of earlier releases are made again when their person signs in (`User.check_password`).
"""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2id(Argon2PasswordHasher):
    """Two passes over 19 MiB, in one lane."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
