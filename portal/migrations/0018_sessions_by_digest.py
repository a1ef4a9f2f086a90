"""The key of a session is no longer in the database, and its data is encrypted. Whoever is signed in stays so."""

import json

from django.core import signing
from django.db import migrations

from registries.secrets import session_data

SALT = "django.contrib.sessions.SessionStore"
"""With which Django signed the data of a session: the name of the class that did."""

MARK = "cookie_without_prefix"
"""Over https the cookie has another name from now on; `portal.http.session_cookie` exchanges that of these sessions."""


def seal(apps, schema_editor):
    Session = apps.get_model("sessions", "Session")
    sealed = []
    for row in Session.objects.using(schema_editor.connection.alias).iterator():
        try:
            data = signing.loads(row.session_data, salt=SALT, serializer=signing.JSONSerializer)
        except signing.BadSignature:
            continue  # nobody could use it either
        data[MARK] = True
        sealed.append(
            Session(
                session_key=session_data.row_key(row.session_key),
                session_data=session_data.encrypt(json.dumps(data).encode(), row.session_key),
                expire_date=row.expire_date,
            )
        )
    Session.objects.using(schema_editor.connection.alias).all().delete()
    Session.objects.using(schema_editor.connection.alias).bulk_create(sealed, batch_size=500)


def sign_out(apps, schema_editor):
    """The keys that the previous release needs are in nobody's hands but the browsers'."""
    apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0017_stamped_by_the_database"),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(seal, sign_out)]
