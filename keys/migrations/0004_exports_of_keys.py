import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0003_credentials_of_any_family"),
        ("ledger", "0002_verbs"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="masterkey",
            options={
                "permissions": [("export_masterkey", "Can see an extended public key")],
                "verbose_name": "public key",
            },
        ),
        migrations.CreateModel(
            name="KeyExport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("exported_by", models.CharField(max_length=200, verbose_name="by")),
                (
                    "exported_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.book"
                    ),
                ),
                (
                    "master_key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exports",
                        to="keys.masterkey",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        models.F("book"),
                        models.OrderBy(models.F("exported_at"), descending=True),
                        name="exports_of_a_book",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="keyexport",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_rows",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="f7d201a21c1e36827780de7672e79e84281e89e3",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_permanent_rows_a7e83",
                    table="keys_keyexport",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="keyexport",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_table",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="6a7ad08acba4fb8240b766fb7aa79efb23cd749f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_permanent_table_2bbf5",
                    table="keys_keyexport",
                    when="BEFORE",
                ),
            ),
        ),
    ]
