"""API keys get an id that programs name them by, and a record of who made, rotated and revoked them."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import cryptopay.merchants.models
from ledger import tenancy

SQL = (Path(__file__).parent.parent / "sql" / "ended.sql").read_text()


def name_them(apps, schema_editor):
    keys = apps.get_model("merchants", "ApiKey")
    with tenancy.every_book():
        for key in keys.objects.filter(public_id=None):
            key.public_id = cryptopay.merchants.models.api_key_id()
            key.save(update_fields=["public_id"])


def somebody(to):
    return models.ForeignKey(
        db_index=False,
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [("merchants", "0003_longer_references")]

    operations = [
        migrations.AddField("apikey", "public_id", models.CharField(max_length=32, null=True, editable=False)),
        migrations.RunPython(name_them, migrations.RunPython.noop),
        migrations.AlterField(
            "apikey",
            "public_id",
            models.CharField(default=cryptopay.merchants.models.api_key_id, editable=False, max_length=32, unique=True),
        ),
        migrations.AddField("apikey", "rotated_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("apikey", "made_by", somebody(settings.AUTH_USER_MODEL)),
        migrations.AddField("apikey", "made_with", somebody("merchants.apikey")),
        migrations.AddField("apikey", "revoked_by", somebody(settings.AUTH_USER_MODEL)),
        migrations.AddField("apikey", "revoked_with", somebody("merchants.apikey")),
        migrations.AddIndex("apikey", models.Index(fields=["book", "-id"], name="api_key_of_book")),
        migrations.AlterField(
            "apikey",
            "book",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ledger.book",
            ),
        ),
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in SQL.split("--;;")),
        migrations.RunSQL(migrations.RunSQL.noop, ["DROP FUNCTION merchants_why_key_ended"]),
    ]
