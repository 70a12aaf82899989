import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0002_door_beyond_the_wall"),
        ("ledger", "0002_verbs"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="masterkey",
            name="key_is_fixed",
        ),
        migrations.RemoveConstraint(
            model_name="masterkey",
            name="key_once_a_chain",
        ),
        migrations.AddField(
            model_name="address",
            name="user_reference",
            field=models.CharField(db_default="", max_length=128, verbose_name="user"),
        ),
        migrations.AddField(
            model_name="masterkey",
            name="form",
            field=models.CharField(default="p2wpkh", max_length=16, verbose_name="address form"),
            preserve_default=False,
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="key_is_fixed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."book_id" IS DISTINCT FROM (NEW."book_id") OR OLD."chain" IS DISTINCT FROM (NEW."chain") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."fingerprint" IS DISTINCT FROM (NEW."fingerprint") OR OLD."form" IS DISTINCT FROM (NEW."form") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."key_version" IS DISTINCT FROM (NEW."key_version") OR OLD."path" IS DISTINCT FROM (NEW."path") OR OLD."sealed_key" IS DISTINCT FROM (NEW."sealed_key"))',
                    func="RAISE EXCEPTION 'a stored key is never changed' USING ERRCODE = '23001';",
                    hash="54c3e7586f5944c32ba5ba0787274dd5eef5d01e",
                    operation="UPDATE",
                    pgid="pgtrigger_key_is_fixed_7ea08",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.UniqueConstraint(
                condition=models.Q(("user_reference", ""), _negated=True),
                fields=("master_key", "user_reference"),
                name="one_address_a_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="masterkey",
            constraint=models.UniqueConstraint(
                fields=("book", "chain", "fingerprint", "form"), name="key_once_a_chain"
            ),
        ),
    ]
