"""What is to be expected of a payment, in the words that payers, merchants and operators read."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitor.expectation import Expected, Reason, Span, State, fee_unit

_MINUTES_SAID, _HOURS_SAID = 120, 48 * 60
"""Up to so many minutes, time is said in minutes, and then in hours."""


def outlook(expected: Expected) -> str:
    """One sentence, without its full stop; empty where nothing is left to wait for."""
    match expected.state:
        case State.CONFIRMING:
            return duration(expected.minutes)
        case State.NEXT_BLOCKS | State.SOON if expected.fee_rate is None:
            return duration(expected.minutes)
        case State.NEXT_BLOCKS | State.SOON:
            return _("The fee is good: %(duration)s") % {"duration": duration(expected.minutes)}
        case State.SLOW:
            return _slow(expected)
        case State.STUCK:
            return _stuck(expected)
    return {
        State.FINAL: "",
        State.REPLACED: _("Another transaction has taken its place"),
        State.DROPPED: _("The network has forgotten it"),
    }.get(expected.state, _("How long it will take is not known"))


def duration(minutes: Span | None) -> str:
    """ "about 40 minutes", "3 to 9 hours", "at least 2 days"."""
    if minutes is None:
        return ""
    if minutes.high is None:
        return _("at least %(duration)s") % {"duration": length(minutes.low)}
    scale, high = _scale(minutes.high), length(minutes.high)
    low = -(-minutes.low // scale)
    if low * scale >= minutes.high:
        return _("about %(duration)s") % {"duration": high}
    return _("%(low)d to %(high)s") % {"low": low, "high": high}


def length(minutes: int) -> str:
    """ "15 minutes", "3 hours", "2 days": rounded up."""
    number = -(-minutes // _scale(minutes))
    if minutes <= _MINUTES_SAID:
        return ngettext("%(count)d minute", "%(count)d minutes", number) % {"count": number}
    if minutes <= _HOURS_SAID:
        return ngettext("%(count)d hour", "%(count)d hours", number) % {"count": number}
    return ngettext("%(count)d day", "%(count)d days", number) % {"count": number}


def bid(expected: Expected) -> str:
    """Its fee rate, who may replace it, and who has; for those who run the shop."""
    if not expected.fee_text:
        return "–"
    unit = fee_unit(expected.chain)
    parts = [_("%(rate)s %(unit)s") % {"rate": expected.fee_text, "unit": unit}]
    if expected.replaceable and not expected.replaced_by:
        parts.append(_("may be replaced"))
    if expected.replaced_by:
        parts.append(_("replaced by %(txid)s") % {"txid": expected.replaced_by})
    return ", ".join(parts)


def _slow(expected: Expected) -> str:
    if expected.reason == Reason.BASE_FEE_ABOVE:
        return _("The network asks for more than its fee at the moment: it waits until that falls")
    return _("The fee is low: this may take %(duration)s") % {"duration": duration(expected.minutes)}


def _stuck(expected: Expected) -> str:
    match expected.reason:
        case Reason.BELOW_MINIMUM:
            return _("Stuck: its fee is below what the network keeps, it may be forgotten")
        case Reason.BASE_FEE_ABOVE | Reason.TIP_TOO_LOW:
            return _("Stuck: its fee is below what the network asks for")
        case Reason.EARLIER_MISSING:
            return _("Stuck: it waits for an earlier transaction of the sender, which is missing")
    return _("Stuck: its fee is so low that it may take days")


def _scale(minutes: int) -> int:
    return 1 if minutes <= _MINUTES_SAID else 60 if minutes <= _HOURS_SAID else 24 * 60
