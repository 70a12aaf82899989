"""Public keys and addresses in the admin. The key itself is never shown, and an address only when verified."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from keys.errors import KeysError
from keys.exporting import DESCRIBED, export
from keys.importing import check_free, first_addresses, import_credential, read
from keys.issuing import verified_many
from keys.models import Address, AddressAlarm, KeyExport, MasterKey
from ledger.readonly import ReadOnlyAdmin, code, moment, period, url_of
from monitor.chains import CHAINS

_FORMS = list(dict.fromkeys(form for row in CHAINS.values() for form in row.address_forms))


class UnechoedTextarea(UnfoldAdminTextareaWidget):
    """Comes back empty after an error: what was pasted by mistake must not travel a second time."""

    def format_value(self, value: Any) -> str:
        return ""


class ImportKeyForm(forms.ModelForm[MasterKey]):
    """Everything wrong with a key is said beside its field."""

    chain = forms.ChoiceField(
        choices=[(row.code, row.title) for row in CHAINS.values()], widget=UnfoldAdminSelectWidget
    )
    form = forms.ChoiceField(
        label="Address form",
        choices=[("", "as the key says, or the usual one"), *((form, form) for form in _FORMS)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    credential = forms.CharField(
        label="Public key",
        max_length=400,
        widget=UnechoedTextarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text="An extended public key (xpub, ypub, zpub, Ltub; of test networks tpub, upub, vpub). "
        "EOS: the account's name. Monero: the primary address and, on the next line, the private view key. "
        "Never paste a key that spends.",
    )

    class Meta:
        model = MasterKey
        fields = ["book", "chain", "label"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if not {"book", "chain", "form", "credential"} <= cleaned.keys():
            return cleaned
        chain = CHAINS[cleaned["chain"]]
        if cleaned["book"].is_test == chain.live:
            self.add_error("chain", "Test books take development chains, the others chains of real money.")
            return cleaned
        try:
            given = read(chain, cleaned["credential"], cleaned["form"])
            check_free(cleaned["book"].pk, given)
        except KeysError as error:
            self.add_error("credential", forms.ValidationError(str(error), code=error.code))
        return cleaned

    def validate_constraints(self) -> None:
        """One active key a chain: importing retires the one before, so the form must not refuse it."""


class ChainFilter(admin.SimpleListFilter):
    """Offers the chains there are, and reads no table for it."""

    title = "chain"
    parameter_name = "chain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(row.code, row.title) for row in CHAINS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(chain=self.value()) if self.value() else queryset


MAY_EXPORT = "keys.export_masterkey"


@admin.register(MasterKey)
class MasterKeyAdmin(ModelAdmin):
    actions_detail = ["export_page"]
    list_display = ["label", "chain_title", "book", "short_fingerprint", "issued", "active"]
    list_filter = ["active", ChainFilter, "book"]
    list_select_related = ["book"]
    search_fields = ["label"]
    ordering = ["-active", "chain", "label"]
    fields = [
        *("label", "book", "chain_title", "form", "path", "short_fingerprint"),
        *("addresses", "issued", "active", "imported"),
    ]

    def get_form(self, request: HttpRequest, obj: MasterKey | None = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = ImportKeyForm
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: MasterKey | None = None) -> Any:
        return self.fields if obj else ["book", "chain", "label", "form", "credential"]

    def get_readonly_fields(self, request: HttpRequest, obj: MasterKey | None = None) -> Any:
        return [field for field in self.fields if field != "label"] if obj else []

    def save_model(self, request: HttpRequest, obj: MasterKey, form: forms.ModelForm[MasterKey], change: bool) -> None:
        if change:
            obj.save(update_fields=["label"])
            return
        given = form.cleaned_data
        imported = import_credential(
            given["book"], CHAINS[given["chain"]], given["credential"], given["label"], given["form"]
        )
        obj.__dict__.update(imported.__dict__)
        self.message_user(
            request, f"First addresses: {', '.join(first_addresses(obj))}. Compare them with your wallet."
        )

    def has_delete_permission(self, request: HttpRequest, obj: MasterKey | None = None) -> bool:
        return False

    def has_export_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        key = self.get_object(request, str(object_id))
        return key is not None and bool(request.user.has_perm(MAY_EXPORT, key))

    @action(description="For another program", url_path="export", icon="ios_share", permissions=["export"])
    def export_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first, for it shows the extended public key; then shows it, which is kept."""
        key: MasterKey = self.get_object(request, object_id)
        context: dict[str, Any] = {"title": "For another program", "key": key, "key_url": url_of(key)}
        context["described"] = key.chain_row.family == DESCRIBED
        if request.method == "POST":
            try:
                context["export"] = made = export(key, request.user.get_username())
                context["importable"] = json.dumps(made.descriptors, indent=2)
            except KeysError as error:
                context["error"] = str(error)
        return TemplateResponse(request, "keys/descriptors.html", self.admin_site.each_context(request) | context)

    @admin.display(description="chain", ordering="chain")
    def chain_title(self, key: MasterKey) -> str:
        return key.chain_row.title

    @admin.display(description="fingerprint")
    def short_fingerprint(self, key: MasterKey) -> str:
        return key.short_fingerprint

    @admin.display(description="addresses issued")
    def issued(self, key: MasterKey) -> int:
        return key.issued

    @admin.display(description="imported", ordering="created_at")
    def imported(self, key: MasterKey) -> SafeString | str:
        return moment(key.created_at)

    @admin.display(description="first addresses")
    def addresses(self, key: MasterKey) -> str | SafeString:
        try:
            return format_html_join("", "<div>{}</div>", ((code(text),) for text in first_addresses(key)))
        except KeysError as error:
            return str(error)


class AddressPage(ChangeList):
    """Verifies a page of addresses at once; each key is unsealed once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        shown = verified_many(self.result_list)
        for address in self.result_list:
            vars(address)["shown"] = shown.get(address.pk)


@admin.register(Address)
class AddressAdmin(ReadOnlyAdmin):
    list_display = ["verified_text", "chain_title", "book", "issued"]
    sortable_by = ("issued",)
    list_filter = [period("issued_at"), ChainFilter, "book"]
    list_select_related = ["book"]
    search_help_text = "The whole address"
    ordering = ["-id"]
    fields = ["verified_text", "chain_title", "book", "master_key", "index", "issued"]
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return AddressPage

    @admin.display(description="address")
    def verified_text(self, address: Address) -> SafeString | str:
        known = vars(address)
        if "shown" not in known:
            known["shown"] = verified_many([address]).get(address.pk)
        return code(known["shown"]) if known["shown"] else "withheld: does not follow from its key"

    @admin.display(description="issued", ordering="id")
    def issued(self, address: Address) -> SafeString | str:
        return moment(address.issued_at)

    @admin.display(description="chain", ordering="chain")
    def chain_title(self, address: Address) -> str:
        return address.chain_row.title


@admin.register(AddressAlarm)
class AddressAlarmAdmin(ReadOnlyAdmin):
    list_display = ["when", "book", "found"]
    list_filter = [period("found_at"), "book"]
    list_select_related = ["book"]
    ordering = ["-id"]
    fields = ["when", "book", "found"]
    readonly_fields = fields

    @admin.display(description="found", ordering="found_at")
    def when(self, alarm: AddressAlarm) -> SafeString | str:
        return moment(alarm.found_at)


@admin.register(KeyExport)
class KeyExportAdmin(ReadOnlyAdmin):
    list_display = ["when", "book", "master_key", "exported_by"]
    list_filter = [period("exported_at"), "book"]
    list_select_related = ["book", "master_key"]
    search_fields = ["exported_by"]
    ordering = ["-id"]
    fields = ["when", "book", "master_key", "exported_by"]
    readonly_fields = fields

    @admin.display(description="shown", ordering="exported_at")
    def when(self, export: KeyExport) -> SafeString | str:
        return moment(export.exported_at)
