"""Customers have an id of ours, an e-mail address and notes."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from cryptopay.merchants.models import customer_id
from ledger import tenancy


def name_those_there(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with tenancy.every_book():
        for customer in apps.get_model("merchants", "Customer").objects.filter(public_id=None).iterator():
            customer.public_id = customer_id()
            customer.save(update_fields=["public_id"])


class Migration(migrations.Migration):
    dependencies = [("merchants", "0004_keys_by_api")]

    operations = [
        migrations.AddField(
            model_name="customer", name="email", field=models.EmailField(blank=True, default="", max_length=254)
        ),
        migrations.AddField(model_name="customer", name="metadata", field=models.JSONField(blank=True, default=dict)),
        migrations.AddField(
            model_name="customer", name="public_id", field=models.CharField(editable=False, max_length=32, null=True)
        ),
        migrations.RunPython(name_those_there, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="customer",
            name="public_id",
            field=models.CharField(default=customer_id, editable=False, max_length=32, unique=True),
        ),
        migrations.AddIndex(model_name="customer", index=models.Index(fields=["book", "-id"], name="customer_newest")),
        migrations.AddIndex(
            model_name="customer", index=models.Index(fields=["book", "email", "-id"], name="customer_by_email")
        ),
    ]
