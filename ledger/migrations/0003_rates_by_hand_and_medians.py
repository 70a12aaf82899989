"""Rates that a person sets until a time, and medians that tell their sources; none that is suspect values an entry."""

from pathlib import Path

from django.db import migrations, models

RATES = (Path(__file__).parent.parent / "sql" / "rates.sql").read_text()
RULES = (Path(__file__).parent.parent / "sql" / "rules.sql").read_text().split("--;;")
(BEFORE,) = (statement for statement in RULES if "create function ledger_is_rate_of" in statement)


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_verbs"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="rate",
            name="rate_newest",
        ),
        migrations.AddField(
            model_name="rate",
            name="by",
            field=models.CharField(blank=True, db_default="", max_length=150),
        ),
        migrations.AddField(
            model_name="rate",
            name="origin",
            field=models.CharField(
                choices=[("median", "Median of several sources"), ("recorded", "Recorded"), ("manual", "Set by hand")],
                db_default="recorded",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="rate",
            name="parts",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="rate",
            name="reason",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="rate",
            name="suspect",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="rate",
            name="valid_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="rate",
            name="source",
            field=models.CharField(max_length=200),
        ),
        migrations.AddIndex(
            model_name="rate",
            index=models.Index(
                condition=models.Q(
                    models.Q(("book", None), _negated=True), models.Q(("origin", "manual"), _negated=True)
                ),
                fields=["book", "asset_code", "currency", "-observed_at", "-id"],
                name="rate_own",
            ),
        ),
        migrations.AddIndex(
            model_name="rate",
            index=models.Index(
                condition=models.Q(models.Q(("book", None), _negated=True), ("origin", "manual")),
                fields=["book", "asset_code", "currency", "-observed_at", "-id"],
                name="rate_own_by_hand",
            ),
        ),
        migrations.AddIndex(
            model_name="rate",
            index=models.Index(
                condition=models.Q(("book", None), models.Q(("origin", "manual"), _negated=True)),
                fields=["asset_code", "currency", "-observed_at", "-id"],
                name="rate_platforms",
            ),
        ),
        migrations.AddIndex(
            model_name="rate",
            index=models.Index(
                condition=models.Q(("book", None), ("origin", "manual")),
                fields=["asset_code", "currency", "-observed_at", "-id"],
                name="rate_platforms_by_hand",
            ),
        ),
        migrations.AddConstraint(
            model_name="rate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_until", None), ("valid_until__gte", models.F("observed_at")), _connector="OR"
                ),
                name="rate_ends_after_it_began",
            ),
        ),
        migrations.AddConstraint(
            model_name="rate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("origin", "manual"), _negated=True),
                    models.Q(("valid_until__isnull", False), models.Q(("by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="rate_by_hand_is_signed",
            ),
        ),
        migrations.AddConstraint(
            model_name="rate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("origin", "median"), _negated=True),
                    models.Q(("book", None), ("parts__isnull", False)),
                    _connector="OR",
                ),
                name="rate_median_tells_its_parts",
            ),
        ),
        migrations.RunSQL([RATES], [BEFORE.replace("create function", "create or replace function")]),
    ]
