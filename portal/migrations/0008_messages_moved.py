"""What was asked and answered before there were conversations becomes their first messages."""

from django.db import migrations
from django.db.models import F

BATCH = 500


def move(apps, schema_editor):
    SupportRequest = apps.get_model("portal", "SupportRequest")
    SupportMessage = apps.get_model("portal", "SupportMessage")
    SupportReader = apps.get_model("portal", "SupportReader")
    SupportRequest.objects.update(asked_at=F("created_at"))
    messages, readers = [], []
    for asked in SupportRequest.objects.order_by("created_at").iterator(BATCH):
        if asked.message:
            messages.append(
                SupportMessage(
                    request=asked,
                    side="member",
                    author_id=asked.user_id,
                    text=asked.message,
                    created_at=asked.created_at,
                )
            )
        if asked.answer:
            messages.append(
                SupportMessage(
                    request=asked,
                    side="support",
                    author_id=asked.answered_by_id,
                    text=asked.answer,
                    state=asked.state if asked.state in ("waiting", "solved") else "",
                    created_at=asked.answered_at or asked.created_at,
                    mailed_at=asked.mailed_at,
                )
            )
        if asked.user_id:
            readers.append(SupportReader(request=asked, person_id=asked.user_id))
    SupportMessage.objects.bulk_create(messages, batch_size=BATCH)
    SupportReader.objects.bulk_create(readers, batch_size=BATCH)


def move_back(apps, schema_editor):
    """Keep the first question and the last answer, which is all that there was room for."""
    SupportRequest = apps.get_model("portal", "SupportRequest")
    SupportMessage = apps.get_model("portal", "SupportMessage")
    SupportReader = apps.get_model("portal", "SupportReader")
    for asked in SupportRequest.objects.iterator(BATCH):
        said = SupportMessage.objects.filter(request=asked).exclude(text="").order_by("id")
        first = said.filter(side="member").first()
        last = said.filter(side="support").last()
        asked.message = first.text if first else ""
        if last:
            asked.answer, asked.answered_at = last.text, last.created_at
            asked.answered_by_id, asked.mailed_at = last.author_id, last.mailed_at
        asked.save()
    SupportMessage.objects.all().delete()
    SupportReader.objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("portal", "0007_conversations")]

    operations = [migrations.RunPython(move, move_back)]
