"""Fields and serializers that take exactly what they name: no coercion, no unknown names, nothing unbounded."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.validators import EmailValidator, URLValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_MALFORMED = 'An amount is a decimal in a string, like "0.0015".'
_LONGEST_AMOUNT = 120


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names it does not have: `unknown_field`, at the name's pointer."""

    unknown_code = "unknown_field"

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        errors: dict[str, Any] = {
            str(name): [serializers.ErrorDetail("There is no such field.", self.unknown_code)] for name in unknown
        }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            errors = {**error.detail, **errors}
        if errors:
            raise serializers.ValidationError(errors)
        return value


class Parameters(StrictSerializer):
    """Of the query string. A view without parameters uses this as it is."""

    unknown_code = "unknown_parameter"


class TextField(serializers.CharField):
    """A JSON string, as it was sent; a number or a boolean is not one."""

    def __init__(self, *, max_length: int, **options: Any) -> None:
        if not options.get("allow_blank"):
            options.setdefault("min_length", 1)  # the empty text is refused as `blank` before, and described by this
        super().__init__(max_length=max_length, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmailTextField(TextField):
    """An e-mail address by its form, as it was sent; empty where that is allowed."""

    default_error_messages = {"email_invalid": "This is no e-mail address."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, **options)
        self.validators.append(EmailValidator(self.error_messages["email_invalid"], "email_invalid"))


class WholeNumberField(serializers.IntegerField):
    """A JSON integer; a string, a float or a boolean is not one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "decimal", "maxLength": _LONGEST_AMOUNT})
class AmountTextField(serializers.Field[str, Any, str, Any]):
    """An amount coming in: a decimal in a string. A JSON number has passed through a float somewhere, so it is refused.

    The domain reads the text, for only it knows the decimals.
    """

    default_error_messages = {"amount_malformed": _MALFORMED}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or len(data) > _LONGEST_AMOUNT:
            self.fail("amount_malformed")
        return data

    def to_representation(self, value: str) -> str:
        return value


class MetadataField(serializers.DictField):
    """The merchant's own notes, given back as they were: names and texts."""

    most_entries = 50
    longest_name = 40
    most_bytes = 16_000
    default_error_messages = {
        "metadata_too_large": f"At most {most_entries} entries, names of {longest_name} characters, {most_bytes} bytes."
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(child=TextField(max_length=500, allow_blank=True), **options)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        longest = max(map(len, value), default=0)
        if len(value) > self.most_entries or longest > self.longest_name:
            self.fail("metadata_too_large")
        if len(json.dumps(value, ensure_ascii=False).encode()) > self.most_bytes:
            self.fail("metadata_too_large")
        return value


class WebAddressField(serializers.URLField):
    """An http or https URL; "javascript:" and its kin are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=500, **options)
        self.validators = [v for v in self.validators if not isinstance(v, URLValidator)]
        self.validators.append(URLValidator(schemes=["http", "https"]))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "decimal"})
class DecimalTextField(serializers.CharField):
    """An exact decimal going out, as text."""


@extend_schema_field({"type": "string", "format": "base-units", "pattern": "^-?[0-9]+$"})
class BaseUnitsField(serializers.CharField):
    """An integer going out as text, for it may be larger than JavaScript's numbers are exact."""


class AmountSchema(serializers.Serializer[Any]):
    """An amount going out: exact text, and the same in base units, both as strings."""

    asset = serializers.CharField()
    amount = DecimalTextField(help_text='E.g. "0.00150000".')
    base_units = BaseUnitsField(
        help_text="Satoshis, litoshis, wei: an integer that JavaScript must not read as a number."
    )
