import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ledger", "0001_books_and_journal"),
    ]

    operations = [
        migrations.CreateModel(
            name="Address",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain", models.CharField(max_length=32)),
                ("index", models.PositiveIntegerField()),
                ("text", models.CharField(max_length=100, verbose_name="address")),
                ("destination", models.BinaryField()),
                (
                    "issued_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.book"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "addresses",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="MasterKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain", models.CharField(max_length=32)),
                (
                    "label",
                    models.CharField(
                        help_text="For people: which device or wallet holds the private key.", max_length=100
                    ),
                ),
                ("sealed_key", models.BinaryField()),
                ("key_version", models.PositiveSmallIntegerField()),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("path", models.CharField(max_length=100, verbose_name="derivation path")),
                ("next_index", models.BigIntegerField(default=0)),
                ("active", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.book"
                    ),
                ),
            ],
            options={
                "verbose_name": "public key",
            },
        ),
        migrations.CreateModel(
            name="AddressAlarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("found", models.TextField()),
                (
                    "found_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "address",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="keys.address",
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="ledger.book",
                    ),
                ),
                (
                    "master_key",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="keys.masterkey",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="address",
            name="master_key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="addresses",
                to="keys.masterkey",
            ),
        ),
        migrations.AddIndex(
            model_name="masterkey",
            index=models.Index(fields=["fingerprint"], name="key_in_any_book"),
        ),
        migrations.AddConstraint(
            model_name="masterkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("active", True)), fields=("book", "chain"), name="one_active_key_a_chain"
            ),
        ),
        migrations.AddConstraint(
            model_name="masterkey",
            constraint=models.UniqueConstraint(fields=("book", "chain", "fingerprint"), name="key_once_a_chain"),
        ),
        migrations.AddConstraint(
            model_name="masterkey",
            constraint=models.UniqueConstraint(fields=("book", "chain", "id"), name="key_of_addresses"),
        ),
        migrations.AddConstraint(
            model_name="masterkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("next_index__range", (0, 2147483648))), name="index_not_hardened"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="key_of_one_book",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    PERFORM pg_advisory_xact_lock(hashtextextended(encode(NEW.fingerprint, 'hex'), 0));\n                    IF EXISTS (\n                        SELECT 1 FROM keys_masterkey m\n                        WHERE m.fingerprint = NEW.fingerprint AND m.book_id <> NEW.book_id\n                    ) THEN\n                        RAISE EXCEPTION 'another book holds this key' USING ERRCODE = '23505';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="f1d692a52bfb742fd516bd6c2f40296a630c1ce1",
                    operation="INSERT",
                    pgid="pgtrigger_key_of_one_book_a4adf",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="key_is_fixed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."book_id" IS DISTINCT FROM (NEW."book_id") OR OLD."chain" IS DISTINCT FROM (NEW."chain") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."fingerprint" IS DISTINCT FROM (NEW."fingerprint") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."key_version" IS DISTINCT FROM (NEW."key_version") OR OLD."path" IS DISTINCT FROM (NEW."path") OR OLD."sealed_key" IS DISTINCT FROM (NEW."sealed_key"))',
                    func="RAISE EXCEPTION 'a stored key is never changed' USING ERRCODE = '23001';",
                    hash="daa0758598f4c49a50abf7992618fcb48f8aff0f",
                    operation="UPDATE",
                    pgid="pgtrigger_key_is_fixed_7ea08",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="index_only_grows",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (NEW."next_index" < (OLD."next_index"))',
                    func="RAISE EXCEPTION 'an index is never given twice' USING ERRCODE = '23001';",
                    hash="1e5bb1179a4b45bd785d82ee6c40f6ce1ccf98c3",
                    operation="UPDATE",
                    pgid="pgtrigger_index_only_grows_affe8",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="key_is_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'a stored key is never deleted' USING ERRCODE = '23001';",
                    hash="4a06b6c098940af8b07cb2d24d94604618cb1b04",
                    operation="DELETE",
                    pgid="pgtrigger_key_is_kept_c97af",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="addressalarm",
            index=models.Index(
                models.F("book"), models.OrderBy(models.F("found_at"), descending=True), name="alarms_of_a_book"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="addressalarm",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_rows",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="19455c844a22088a8368f3a5eb15494125019a78",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_permanent_rows_8e83d",
                    table="keys_addressalarm",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="addressalarm",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_table",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="ad733c9a8c5b253e47c0d72321b6f27ef60f44f7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_permanent_table_f6780",
                    table="keys_addressalarm",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.UniqueConstraint(fields=("book", "chain", "text"), name="address_once_a_book"),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.UniqueConstraint(fields=("master_key", "index"), name="index_once_a_key"),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.UniqueConstraint(fields=("chain", "destination"), name="destination_once_a_chain"),
        ),
        migrations.AddConstraint(
            model_name="address",
            constraint=models.CheckConstraint(condition=models.Q(("index__gte", 0)), name="address_not_hardened"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="address",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_rows",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="63191fc32a925e2bf74579a1409fcd78f686b87a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_permanent_rows_478e2",
                    table="keys_address",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="address",
            trigger=pgtrigger.compiler.Trigger(
                name="permanent_table",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION '% rows are permanent', TG_TABLE_NAME USING ERRCODE = '23001';",
                    hash="31cba618c6540329941a0e84e33a21d6efa027b6",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_permanent_table_b291b",
                    table="keys_address",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="FreeIndex",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain", models.CharField(max_length=32)),
                ("index", models.PositiveIntegerField()),
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
                        related_name="free_indexes",
                        to="keys.masterkey",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "free indexes",
                "constraints": [
                    models.UniqueConstraint(fields=("master_key", "index"), name="free_once_a_key"),
                    models.CheckConstraint(condition=models.Q(("index__gte", 0)), name="free_index_not_hardened"),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="freeindex",
            trigger=pgtrigger.compiler.Trigger(
                name="free_index_is_fixed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'a free index is never changed' USING ERRCODE = '23001';",
                    hash="1a4910e22b4e1b1b62ac7a419a88c786dc01a616",
                    operation="UPDATE",
                    pgid="pgtrigger_free_index_is_fixed_9d73f",
                    table="keys_freeindex",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE keys_freeindex ADD CONSTRAINT free_index_agrees_with_key "
            "FOREIGN KEY (book_id, chain, master_key_id) REFERENCES keys_masterkey (book_id, chain, id)",
            "ALTER TABLE keys_freeindex DROP CONSTRAINT free_index_agrees_with_key",
        ),
        migrations.RunSQL(
            "ALTER TABLE keys_address ADD CONSTRAINT address_agrees_with_key FOREIGN KEY (book_id, chain, master_key_id) "
            "REFERENCES keys_masterkey (book_id, chain, id)",
            "ALTER TABLE keys_address DROP CONSTRAINT address_agrees_with_key",
        ),
    ]
