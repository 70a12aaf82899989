"""Tokens, and the two that most payers hold: USDT and USDC of Ethereum, under the addresses their issuers publish.

Tether: https://tether.to/en/supported-protocols. Circle: https://developers.circle.com/stablecoins/usdc-contract-addresses.
They are offered as soon as Ethereum has a node.
"""

import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import ledger.money
import monitor.tokens

SEEDED = (
    ("USDT", "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    ("USDC", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
)
DECIMALS = 6
MINIMUM_BASE_UNITS = 10_000  # a cent


def seed(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    token = apps.get_model("monitor", "Token")
    for code, contract in SEEDED:
        token.objects.create(
            chain_code="ethereum",
            contract=contract,
            code=code,
            decimals=DECIMALS,
            minimum_base_units=MINIMUM_BASE_UNITS,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_verbs"),
        ("monitor", "0003_expectations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "chain_code",
                    models.CharField(choices=monitor.tokens.chains_with_tokens, max_length=32, verbose_name="chain"),
                ),
                (
                    "contract",
                    models.CharField(help_text="0x and 40 digits, as its issuer publishes it.", max_length=42),
                ),
                (
                    "code",
                    models.CharField(
                        help_text="What people call it, and what rates are recorded for: USDT.", max_length=16
                    ),
                ),
                ("decimals", models.PositiveSmallIntegerField()),
                (
                    "minimum_base_units",
                    ledger.money.BaseUnitsField(
                        default=1,
                        help_text="In the token's smallest units. Smaller deposits are logged, not credited.",
                        verbose_name="minimum",
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(default=True, help_text="Offered to payers and read from the chain's blocks."),
                ),
                (
                    "added_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.UniqueConstraint(
                fields=("chain_code", "contract"),
                name="token_once_a_chain",
                violation_error_message="This contract is a token here already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.UniqueConstraint(
                fields=("chain_code", "code"),
                name="token_code_once_a_chain",
                violation_error_message="Another token of this chain has this code.",
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=models.Q(("contract__regex", "^0x[0-9a-f]{40}$")), name="token_contract_lower_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z][A-Z0-9.]*$")), name="token_code_plain"
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(condition=models.Q(("decimals__lte", 36)), name="token_decimals"),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_base_units__gt", 0)), name="token_minimum_positive"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="token",
            trigger=pgtrigger.compiler.Trigger(
                name="token_pinned",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."chain_code" IS DISTINCT FROM (NEW."chain_code") OR OLD."code" IS DISTINCT FROM (NEW."code") OR OLD."contract" IS DISTINCT FROM (NEW."contract") OR OLD."decimals" IS DISTINCT FROM (NEW."decimals") OR OLD."minimum_base_units" IS DISTINCT FROM (NEW."minimum_base_units"))',
                    func="\nIF EXISTS (SELECT FROM ledger_asset a WHERE a.chain = OLD.chain_code AND a.contract = OLD.contract)\nOR EXISTS (SELECT FROM monitor_deposit d WHERE d.chain_code = OLD.chain_code AND d.contract = OLD.contract) THEN\n    RAISE EXCEPTION 'a token that is in use keeps its contract, code, decimals and minimum' USING ERRCODE = '23001';\nEND IF;\nRETURN NEW;\n",
                    hash="8fda02e69e65567db01dc05a78b4fc1b9c63ada2",
                    operation="UPDATE",
                    pgid="pgtrigger_token_pinned_36ef2",
                    table="monitor_token",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="token",
            trigger=pgtrigger.compiler.Trigger(
                name="token_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (SELECT FROM ledger_asset a WHERE a.chain = OLD.chain_code AND a.contract = OLD.contract)\nOR EXISTS (SELECT FROM monitor_deposit d WHERE d.chain_code = OLD.chain_code AND d.contract = OLD.contract) THEN\n    RAISE EXCEPTION 'a token that is in use keeps its contract, code, decimals and minimum' USING ERRCODE = '23001';\nEND IF;\nRETURN OLD;\n",
                    hash="162cf096f8735ee612b462931319ce7cdf407d72",
                    operation="DELETE",
                    pgid="pgtrigger_token_kept_dee41",
                    table="monitor_token",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
