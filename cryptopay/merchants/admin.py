"""People in the admin: merchants, members and their roles, customers, API keys."""

from typing import Any
from urllib.parse import urlencode

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from cryptopay.merchants import api_keys, onboarding, payment_page, second_factor
from cryptopay.merchants.models import ApiKey, Customer, Membership, Merchant, User
from cryptopay.merchants.permissions import scopes_given_by
from cryptopay.merchants.secrecy import shown_once
from ledger import chart
from ledger.models import Account
from ledger.readonly import ReadOnlyAdmin, amount, label, made_once, moment, page_of, table, url_of

admin.site.unregister(Group)  # roles say who may do what
admin.site.unregister([EmailAddress, Authenticator])  # each person keeps their own


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], ModelAdmin):
    """Accounts that sign in; for those who run the installation."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "is_active", "is_superuser"]
    list_filter = ["is_active", "is_superuser"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]
    filter_horizontal = []
    actions = ["take_second_factors_away"]

    @admin.action(description="Take second factors away", permissions=["change"])
    def take_second_factors_away(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """For whoever lost phone and recovery codes; they sign in by password, and make new ones where they must."""
        second_factor.take_away(people)
        self.message_user(request, "Taken away. Tell these people by another way than mail that it was you.")


class NewMerchantForm(forms.ModelForm[Merchant]):
    currency = forms.CharField(max_length=3, min_length=3, initial="EUR", widget=UnfoldAdminTextInputWidget())

    class Meta:
        model = Merchant
        fields = ["name"]


class MerchantForm(forms.ModelForm[Merchant]):
    """What a merchant says of the payment page."""

    class Meta:
        model = Merchant
        fields = ["name", "payment_page_language", "contact", "shop_origins"]

    def clean_shop_origins(self) -> str:
        return "\n".join(payment_page.origins(self.cleaned_data["shop_origins"]))


@admin.register(Merchant)
class MerchantAdmin(ModelAdmin):
    list_display = ["name", "since", "roles"]
    search_fields = ["name"]
    ordering = ["name"]
    form = MerchantForm
    fieldsets = [
        (None, {"fields": ["name", "live_book", "test_book", "since"]}),
        ("Payment page", {"fields": ["payment_page_language", "contact", "shop_origins"]}),
    ]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merchant]:
        found: QuerySet[Merchant] = super().get_queryset(request).prefetch_related("memberships__user")
        return found

    def get_form(self, request: HttpRequest, obj: Merchant | None = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewMerchantForm
        return super().get_form(request, obj, change=change, **options)

    def get_fieldsets(self, request: HttpRequest, obj: Merchant | None = None) -> Any:
        return self.fieldsets if obj else [(None, {"fields": ["name", "currency"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Merchant | None = None) -> list[str]:
        """The name is on every invoice: those who run the installation have agreed to it."""
        own = [] if request.user.is_superuser else ["name"]
        return [*own, "live_book", "test_book", "since"] if obj else []

    def save_model(self, request: HttpRequest, obj: Merchant, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            made = onboarding.create_merchant(obj.name, form.cleaned_data["currency"].upper())
            obj.__dict__.update(made.__dict__)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="since", ordering="created_at")
    def since(self, merchant: Merchant) -> SafeString | str:
        return moment(merchant.created_at)

    @display(description="members")
    def roles(self, merchant: Merchant) -> str:
        return ", ".join(f"{m.user} ({m.role})" for m in merchant.memberships.all()) or "–"


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """To read and to filter; who belongs to a merchant is changed on the team's page, by mail."""

    list_display = ["user", "merchant", "role_words"]
    list_filter = ["role", "merchant"]
    list_select_related = ["user", "merchant"]
    search_fields = ["user__username", "merchant__name"]
    ordering = ["merchant__name", "user__username"]
    fields = ["user", "merchant", "role_words"]
    readonly_fields = fields

    @display(description="role", ordering="role")
    def role_words(self, membership: Membership) -> str:
        return str(membership.get_role_display()).partition(":")[0]


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    search_help_text = "Reference or e-mail address, whole, or how the name begins"
    list_display = ["reference", "name", "since", "book"]
    sortable_by = ("reference", "since")
    list_filter = ["book"]
    list_select_related = ["book"]
    ordering = ["-id"]
    fields = ["reference", "name", "email", "owed", "papers", "notes", "since", "book"]
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        """What the books say of them, for those who read the books."""
        reads = request.user.has_perm("ledger.view_account", obj)
        return [name for name in self.fields if reads or name not in {"owed", "papers"}]

    @display(description="what we owe them")
    @made_once
    def owed(self, customer: Customer) -> SafeString:
        """An asset a line, each with the way to what it is made of."""
        accounts = Account.objects.filter(book=customer.book_id, code=f"{chart.CUSTOMERS}{customer.external_ref}")
        rows = [
            (
                page_of(account, str(account.asset)),
                account.asset.chain,
                _link(url_of(account, "explain"), amount(account.balance.posted, account.asset)),
                amount(account.balance.pending_in, account.asset),
                amount(account.balance.pending_out, account.asset),
            )
            for account in accounts.select_related("asset", "balance").order_by("asset__code", "asset__chain", "pk")
        ]
        headings = ["Asset", "Chain", "Validated", "Not yet received", "Promised"]
        return table(headings, rows, "Nothing: they have paid nothing in yet, or no invoice named them.")

    @display(description="more")
    def papers(self, customer: Customer) -> SafeString:
        asked = {"book": customer.book_id, "customer": customer.external_ref, "from": customer.created_at.date()}
        statement = f"{reverse('admin:report', args=['customer-statement'])}?{urlencode(asked)}"
        invoices = f"{reverse('admin:payments_invoice_changelist')}?{urlencode({'q': customer.external_ref})}"
        return format_html("{} · {}", _link(statement, "Their statement"), _link(invoices, "Their invoices"))

    @display(description="customer", ordering="external_ref")
    def reference(self, customer: Customer) -> str:
        return customer.external_ref

    @display(description="metadata")
    def notes(self, customer: Customer) -> SafeString:
        return table(["Name", "Value"], sorted(customer.metadata.items()), "None.")

    @display(description="since", ordering="id")
    def since(self, customer: Customer) -> SafeString | str:
        return moment(customer.created_at)


def _link(url: str, text: object) -> SafeString:
    return format_html('<a class="link" href="{}">{}</a>', url, text)


_COLOURS = {ApiKey.State.ACTIVE: "success", ApiKey.State.EXPIRED: "default", ApiKey.State.REVOKED: "danger"}


class NewKeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        initial=[ApiKey.Scope.INVOICES_READ, ApiKey.Scope.INVOICES_WRITE],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = ApiKey
        fields = ["merchant", "label", "live", "scopes", "expires_at"]

    maker: User
    """Who asks; the page says it."""

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            beyond = set(said["scopes"]) - set(scopes_given_by(self.maker, said["merchant"]))
            if beyond:
                self.add_error("scopes", f"Only an accountant or the owner gives {', '.join(sorted(beyond))}.")
        return said


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """A key is made here, shown once, and revoked here; nothing else about it changes."""

    list_display = ["label", "hint", "mode", "merchant", "scope_names", "last_used", "state"]
    list_filter = ["live", "merchant"]
    list_select_related = ["merchant"]
    search_fields = ["label", "hint"]
    ordering = ["-id"]
    fields = [
        *("label", "hint", "mode", "merchant", "scope_names", "created", "maker", "expires_at", "last_used", "state"),
        "ender",
    ]
    actions = ["revoke"]

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **options: Any) -> Any:
        if obj is None:
            options["form"] = type("NewKeyForm", (NewKeyForm,), {"maker": request.user})
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return list(self.fields) if obj else ["merchant", "label", "live", "scopes", "expires_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return list(self.fields) if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("merchants.change_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        given = form.cleaned_data
        made, secret = api_keys.create(
            given["merchant"],
            given["label"],
            live=given["live"],
            scopes=given["scopes"],
            expires_at=given["expires_at"],
            made_by=request.user if isinstance(request.user, User) else None,
        )
        obj.__dict__.update(made.__dict__)
        vars(request)["new_secret"] = secret

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        secret = vars(request)["new_secret"]
        return shown_once(self, request, secret, f"API key {obj.label}", "Put it into your program's settings now.")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys:
            api_keys.revoke(key, by=request.user if isinstance(request.user, User) else None)
        self.message_user(request, "Revoked. Programs that still use them are refused from now on.")

    @display(description="mode", ordering="live")
    def mode(self, key: ApiKey) -> str:
        return "Live" if key.live else "Test"

    @display(description="may")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="created")
    def created(self, key: ApiKey) -> SafeString | str:
        return moment(key.created_at)

    @display(description="made by")
    def maker(self, key: ApiKey) -> str:
        return _who(key.made_by, key.made_with)

    @display(description="revoked by")
    def ender(self, key: ApiKey) -> str:
        return _who(key.revoked_by, key.revoked_with)

    @display(description="last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> SafeString | str:
        return moment(key.last_used_at) if key.last_used_at else "Never"

    @display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        return label(str(key.state.label), _COLOURS[key.state])


def _who(person: User | None, key: ApiKey | None) -> str:
    if key is not None:
        return f"API key {key}"
    return str(person) if person is not None else "–"
