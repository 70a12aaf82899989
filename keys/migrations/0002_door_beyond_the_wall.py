"""The SQL function of `sql/door.sql`, by which a key is recognised in another tenant's book; the trigger asks it, too."""

from pathlib import Path

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "door.sql").read_text()
CLOSED = ["DROP POLICY door ON keys_masterkey", "DROP FUNCTION keys_held_by_another"]


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_master_keys_and_addresses")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in SQL.split("--;;")),
        migrations.RunSQL(migrations.RunSQL.noop, CLOSED),
        pgtrigger.migrations.RemoveTrigger(
            model_name="masterkey",
            name="key_of_one_book",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="masterkey",
            trigger=pgtrigger.compiler.Trigger(
                name="key_of_one_book",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    PERFORM pg_advisory_xact_lock(hashtextextended(encode(NEW.fingerprint, 'hex'), 0));\n                    IF keys_held_by_another(NEW.fingerprint, NEW.book_id) THEN\n                        RAISE EXCEPTION 'another book holds this key' USING ERRCODE = '23505';\n                    END IF;\n                    RETURN NEW;\n                ",
                    hash="87c3eb377274cde87611a16b0119a86ce84249f9",
                    operation="INSERT",
                    pgid="pgtrigger_key_of_one_book_a4adf",
                    table="keys_masterkey",
                    when="BEFORE",
                ),
            ),
        ),
    ]
