"""Sessions that are open during the upgrade continue: their bearers were derived from the token's id."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import migrations
from django.db.models.functions import Now

from registries.secrets import keyring

INFO = b"drayage node session bearer"


def store_digests(apps, schema_editor):
    tokens = apps.get_model("groups", "NodeToken").objects.using(schema_editor.connection.alias)
    open_sessions = tokens.filter(redeemed_at__isnull=False, ended_at__isnull=True, session_expires_at__gt=Now())
    keys = list(open_sessions.values_list("pk", flat=True))
    if not keys:
        return
    try:
        data_key = keyring.data_key()
    except keyring.KeyUnavailable:
        return  # the nodes return these instances and get new tokens
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=INFO).derive(data_key)
    for pk in keys:
        mac = base64.urlsafe_b64encode(hmac.digest(key, pk.bytes, hashlib.sha256)).rstrip(b"=").decode()
        tokens.filter(pk=pk).update(session_hash=hashlib.sha256(f"drs_{pk.hex}_{mac}".encode()).hexdigest())


class Migration(migrations.Migration):
    dependencies = [("groups", "0018_session_by_digest")]

    operations = [migrations.RunPython(store_digests, migrations.RunPython.noop)]
