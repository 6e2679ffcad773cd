"""What the headers of receivables mean, in English, French, German and Spanish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

NAMES: dict[str, tuple[str, ...]] = {
    "due_date": (
        *("due date", "due on", "duedate", "invoice due date", "net due date", "payment due date", "due"),
        *("date d echeance", "date echeance", "echeance", "date ech", "dt echeance", "ech"),
        *("falligkeitsdatum", "faelligkeitsdatum", "falligkeit", "faelligkeit", "fallig am", "faellig am"),
        *("nettofalligkeit", "netto falligkeit", "falligkeitstag", "zahlbar bis"),
        *("fecha de vencimiento", "fecha vencimiento", "vencimiento", "fecha vto", "f vencimiento", "vto"),
        *(
            "invoice due",
            "due dt",
            "date d ech",
            "date limite de paiement",
            "date limite",
            "a payer le",
            "a echoir le",
        ),
        *(
            "nettofallig am",
            "netto fallig am",
            "nettofalligkeitsdatum",
            "fallig",
            "falligk",
            "zahlbar am",
            "fecha de vto",
            "vence",
            "vence el",
        ),
    ),
    "payment_date": (
        *("payment date", "paid on", "date paid", "paid date", "clear date", "clearing date", "settled date"),
        *(
            "settlement date",
            "fully paid on date",
            "date of payment",
            "paymentdate",
            "cleared on",
            "settled on",
        ),
        *("date de reglement", "date reglement", "date de paiement", "date paiement", "regle le", "paye le"),
        *("date encaissement", "date d encaissement"),
        *("zahlungsdatum", "bezahlt am", "zahldatum", "ausgleichsdatum", "ausgleich", "zahlungseingang"),
        *("fecha de pago", "fecha pago", "fecha de cobro", "fecha cobro", "pagado el", "cobrado el"),
        *("received on", "date received", "payment received", "receipt date"),
        *(
            "encaisse le",
            "date encaisst",
            "date d encaisst",
            "solde le",
            "date de solde",
            "date regl",
            "lettre le",
            "date lettrage",
            "regle le",
            "date de valeur",
        ),
        *(
            "ausgl datum",
            "ausgleichsdat",
            "gezahlt am",
            "zahlungseingang am",
            "ausgeglichen am",
            "fecha cobrado",
            "fecha de liquidacion",
        ),
    ),
    "issue_date": (
        *("invoice date", "issue date", "date of invoice", "invoicedate", "document date", "doc date"),
        *("issue date est", "issued on", "bill date", "billing date", "transaction date", "date issued"),
        *("date de facture", "date facture", "date de facturation", "date facturation", "date d emission"),
        *("date emission", "date piece", "date de piece", "date de la facture", "date document"),
        *("rechnungsdatum", "belegdatum", "ausstellungsdatum", "re datum", "rg datum", "datum"),
        *("fecha de factura", "fecha factura", "fecha de emision", "fecha emision", "fecha documento"),
        *("fecha de expedicion", "f factura", "fecha", "date"),
        *(
            "inv date",
            "date of issue",
            "posting date",
            "emise le",
            "facture du",
            "date fact",
            "date comptable",
            "date ecriture",
            "date d ecriture",
            "date de saisie",
        ),
        *(
            "rechnungsdat",
            "belegdat",
            "buchungsdatum",
            "buch datum",
            "fecha fra",
            "fecha contable",
            "fecha asiento",
        ),
    ),
    "open_amount": (
        *("open amount", "amount due", "balance", "outstanding", "outstanding amount", "balance due"),
        *("amount outstanding", "remaining amount", "open balance", "amount open", "total due", "totaldue"),
        *("solde", "solde du", "reste a payer", "restant du", "reste du", "montant restant", "solde restant"),
        *("montant ouvert", "encours"),
        *("offener betrag", "offen", "restbetrag", "saldo", "offener saldo", "betrag offen"),
        *("importe pendiente", "pendiente", "saldo pendiente", "pendiente de cobro", "importe abierto"),
        *(
            "balance outstanding",
            "open",
            "montant restant du",
            "restant a payer",
            "montant du",
            "montant a recevoir",
            "solde a payer",
        ),
        *("op betrag", "offener rest", "offene summe", "importe restante", "resto pendiente", "por cobrar"),
    ),
    "payment_amount": (
        *(
            "amount paid",
            "paid amount",
            "payment amount",
            "amount received",
            "paid",
            "totalpaid",
            "total paid",
        ),
        *("montant regle", "montant paye", "montant du reglement", "regle", "montant encaisse"),
        *("bezahlter betrag", "bezahlt", "zahlungsbetrag", "gezahlter betrag", "zahlbetrag"),
        *("importe pagado", "importe cobrado", "pagado", "cobrado", "importe del pago", "importe pago"),
        *("received", "cash received", "montant recu", "encaisse", "montant encaissement", "deja regle"),
        *("eingegangen", "zahlung", "cobro", "importe cobro"),
    ),
    "amount": (
        *("invoice amount", "total amount", "gross amount", "amount incl tax", "total incl vat", "amount"),
        *("invoice total", "total", "amount incl vat", "gross total", "original amount", "total open amount"),
        *("totalentered", "invoiceamount", "gross"),
        *("montant ttc", "total ttc", "montant total ttc", "montant total", "montant facture", "montant"),
        *("montant de la facture", "net a payer", "ttc"),
        *("bruttobetrag", "betrag brutto", "rechnungsbetrag", "gesamtbetrag", "brutto", "betrag", "summe"),
        *("importe total", "total factura", "importe con iva", "importe bruto", "importe factura", "importe"),
        *(
            "montant t t c",
            "mt ttc",
            "total a payer",
            "total facture",
            "montant en devise",
            "betrag hwahr",
            "betrag in hauswahrung",
            "betrag in hw",
            "betrag hw",
        ),
        *(
            "betrag bwahr",
            "betrag in belegwahrung",
            "endbetrag",
            "umsatz",
            "total con iva",
            "total iva incluido",
            "importe fra",
        ),
    ),
    "invoice_id": (
        *("invoice no", "invoice number", "invoice id", "invoice", "inv no", "invoicenumber", "document no"),
        *("document number", "doc number", "invoice ref", "bill number", "invoice nr", "inv nr", "doc no"),
        *("no facture", "n facture", "numero facture", "numero de facture", "num facture", "facture"),
        *("no de facture", "n de facture", "reference facture", "piece", "no piece", "numero de piece"),
        *("ref facture", "ref piece"),
        *("rechnungsnummer", "rechnungsnr", "rechnung nr", "rechnungs nr", "belegnummer", "belegnr", "re nr"),
        *("rg nr", "beleg nr", "rechnung"),
        *("numero de factura", "n factura", "no factura", "num factura", "factura", "numero factura"),
        *("n de factura", "no de factura", "nro factura"),
        *(
            "inv",
            "invoice num",
            "our reference",
            "n piece",
            "n de piece",
            "num piece",
            "no de piece",
            "n fact",
            "num fact",
            "numero",
            "reference",
            "ref",
        ),
        *("rechn nr", "rechnungs nummer", "beleg", "fra", "n fra", "num fra", "n documento", "documento"),
    ),
    "customer_id": (
        *("customer no", "customer number", "customer id", "customer code", "cust number", "customerid"),
        *("account number", "customer", "cust no", "client id", "contact id", "debtor", "debtor no", "kunnr"),
        *("account no", "customer account", "client code", "client no", "client"),
        *(
            "code client",
            "no client",
            "n client",
            "numero client",
            "num client",
            "compte client",
            "id client",
        ),
        *("code tiers", "tiers", "compte auxiliaire", "compte tiers", "ref client"),
        *("kundennummer", "kundennr", "kunden nr", "kunde nr", "debitor", "debitorennummer", "debitoren nr"),
        *("kd nr", "kunde", "kundencode", "debitornr"),
        *("codigo de cliente", "codigo cliente", "cod cliente", "n cliente", "no cliente", "id cliente"),
        *("numero de cliente", "numero cliente", "cliente", "nif cliente"),
        *("customer name", "nom client", "nom du client", "kundenname", "nombre cliente", "raison sociale"),
        *(
            "cust",
            "customer code",
            "nom",
            "n compte",
            "compte",
            "compte general",
            "destinataire",
            "n tiers",
            "code cli",
        ),
        *(
            "konto",
            "kontonummer",
            "personenkonto",
            "konto nr",
            "name",
            "firma",
            "razon social",
            "nombre",
            "cuenta",
        ),
    ),
    "currency": (
        *("currency", "currency code", "curr", "ccy", "currency est", "currency id", "invoice currency"),
        *("devise", "code devise", "monnaie"),
        *("wahrung", "waehrung", "wahrungscode", "belegwahrung", "whg", "wae"),
        *("moneda", "divisa", "codigo moneda"),
        *("dev", "wahr", "whrg", "wahrg", "hauswahrung"),
    ),
    "terms_days": (
        *("terms days", "payment terms", "terms", "payment terms days", "credit days", "terms days est"),
        *("due in days", "net days"),
        *("delai de paiement", "delai paiement", "delai", "conditions de paiement", "delai jours"),
        *("zahlungsziel", "zahlungsbedingungen", "zahlungsziel tage", "zahlungsfrist"),
        *("condiciones de pago", "plazo de pago", "dias de pago", "plazo", "forma de pago dias"),
        *(
            "net terms",
            "delai de reglement",
            "delai reglement",
            "nb jours",
            "zahlungsfrist tage",
            "plazo dias",
        ),
    ),
    "country": (
        *("country", "country code", "customer country", "countrycode"),
        *("pays", "code pays"),
        *("land", "landercode", "laendercode", "landerkennzeichen"),
        *("pais", "codigo pais"),
    ),
    "document_type": (
        *(
            "document type",
            "doc type",
            "type",
            "invoice type",
            "transaction type",
            "credit note",
            "recordtype",
        ),
        *("type de piece", "type piece", "nature", "type document", "avoir", "type de document"),
        *("belegart", "dokumentart", "dokumenttyp", "gutschrift", "art"),
        *("tipo de documento", "tipo documento", "tipo", "abono", "clase de documento"),
    ),
    "debit": ("debit", "debit amount", "montant debit", "soll", "betrag soll", "soll betrag", "debe"),
    "credit": ("credit", "credit amount", "montant credit", "haben", "betrag haben", "haben betrag", "haber"),
    "side": (
        *("debit credit", "d c", "dr cr", "sens", "debit ou credit", "soll haben", "s h", "soll haben kz"),
        *("soll haben kennz", "soll haben kennzeichen", "s h kennzeichen", "debe haber", "d h"),
    ),
}
"""Headers by what they mean, in English, French, German and Spanish; the likelier ones first."""

_CURRENCY = re.compile(r"\b(?:eur|euros?|usd|gbp|chf)\b")
_LOOSE_LETTERS_MIN = 6
"""A shorter word inside a longer name means too much: "total" is in "total tax"."""
_ALONE = frozenset({"reference", "numero", "documento", "credit", "debit", "compte", "nombre", "cuenta"})
"""Words that mean something as the whole name only: a customer's reference is no invoice's."""


def plain_header(name: str) -> str:
    """A header in lower-case words without accents.

    Parameters
    ----------
    name : str
        As the file writes it.

    Returns
    -------
    str

    Examples
    --------
    >>> [plain_header(name) for name in ("InvoiceDate", "INVOICE_DATE", "Date d'échéance", "N° Facture")]
    ['invoice date', 'invoice date', 'date d echeance', 'n facture']
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    name = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("°", " ").replace("º", " "))
    letters = "".join(letter for letter in name if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", letters.casefold()))


def roles_of(header: Iterable[str], penalty: Callable[[str, str], int | None]) -> dict[str, str]:
    """Column of each role: exact names before names that hold one, each column once.

    Parameters
    ----------
    header : iterable of str
        Names of the columns, unnamed ones as empty text.
    penalty : callable
        Of a role and a column: how little its cells look like it, None where they
        cannot be it.

    Returns
    -------
    dict of str to str
        Column by key of :data:`NAMES`.

    Examples
    --------
    >>> roles_of(["Rechnungsnr.", "Fällig am", "Betrag"], lambda role, column: 0)
    {'due_date': 'Fällig am', 'amount': 'Betrag', 'invoice_id': 'Rechnungsnr.'}
    """
    # "Total (EUR)" is a total; of "EUR" alone nothing would be left.
    plain = {
        name: " ".join(_CURRENCY.sub(" ", letters).split()) or letters
        for name in header
        if name and (letters := plain_header(name))
    }
    order = list(NAMES)
    offers = sorted(
        (loose + less, rank, order.index(role), role, name)
        for role, known in NAMES.items()
        for rank, words in enumerate(known)
        for name, letters in plain.items()
        if (loose := _looseness(letters, words)) is not None
        if (less := penalty(role, name)) is not None
    )
    found: dict[str, str] = {}
    for *_, role, name in offers:
        if role not in found and name not in found.values():
            found[role] = name
    return {role: found[role] for role in NAMES if role in found}


def _looseness(letters: str, words: str) -> int | None:
    if letters == words or letters.replace(" ", "") == words.replace(" ", ""):
        return 0
    if (
        len(words) >= _LOOSE_LETTERS_MIN
        and words not in _ALONE
        and re.search(rf"\b{re.escape(words)}\b", letters)
    ):
        return 1 + len(letters) - len(words)
    return None
