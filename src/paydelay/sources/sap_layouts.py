"""Columns of SAP's customer items, in tables and in the FBL5N list of several languages.

The names of BSAD, BSEG, BKPF and KNA1 were seen on real samples. BSID has the columns
of BSAD (SAP's documentation of the tables). The headers of the FBL5N list are known
from documentation and public examples only: the technical names (``DMSHB``, ``WRSHB``,
``FAEDT``) and the displayed ones in English, German, French and Spanish; a list was
never seen, and layouts of a user's own may differ.
"""

from __future__ import annotations

from paydelay.sources.layouts import Layout

_DISPLAYED = {
    "bukrs": ("Company Code", "CoCd", "Buchungskreis", "BuKr", "Société", "Sociedad", "Soc."),
    "belnr": (
        "Document Number", "DocumentNo", "Doc. No.", "Journal Entry", "Belegnummer", "Belegnr",
        "N° pièce", "Nº pièce", "Numéro de pièce", "N° document", "Nº documento", "Número de documento",
        "Nº doc.",
    ),
    "gjahr": ("Fiscal Year", "Year", "Geschäftsjahr", "Exercice", "Exercice comptable", "Ejercicio"),
    "buzei": ("Line item", "Item", "Itm", "Buchungszeile", "Position", "Poste", "Posición"),
    "kunnr": (
        "konto", "Customer", "Customer Number", "Customer Account", "Account", "Debitor", "Kunde", "Konto",
        "Client", "Compte", "Compte client", "Cliente", "Cuenta", "Deudor",
    ),
    "blart": (
        "Document Type", "Doc. Type", "Type", "Belegart", "Art", "Type de pièce", "Type pièce", "TyPc",
        "Clase de documento", "Clase documento", "Cl.",
    ),
    "bschl": ("Posting Key", "PK", "Buchungsschlüssel", "BS", "Clé de comptabilisation", "CC",
              "Clave contabiliz.", "Clave contabilización", "CT"),
    "shkzg": ("Debit/Credit ind", "Debit/Credit", "D/C", "Soll/Haben-Kennz.", "Soll/Haben", "S/H"),
    "umskz": ("Special G/L ind.", "Special G/L", "SG", "Sonderhauptbuch-Kz.", "Sonderhauptbuchkennz.",
              "Code CGS", "Ind.CME", "Indicador CME"),
    "bldat": ("Document Date", "Doc. Date", "Belegdatum", "Date pièce", "Date de pièce", "Date de la pièce",
              "Fecha de documento", "Fecha documento", "Fecha doc."),
    "budat": ("Posting Date", "Pstng Date", "Buchungsdatum", "Buch.dat.", "Date comptable",
              "Fe.contabilización", "Fecha contabilización", "Fecha de contabilización", "Fecha contab."),
    "cpudt": ("Entry Date", "Entered on", "Erfassungsdatum", "Date de saisie", "Fecha de entrada"),
    "faedt": (
        "netdt", "Net due date", "Net Due Dt", "Due net", "Nettofälligkeit", "Nettofälligkeitsdatum",
        "Échéance nette", "Date d'échéance nette", "Date échéance nette", "Vencimiento neto",
        "Fecha de vencimiento neto", "Fecha vencimiento neto",
    ),
    "zfbdt": ("Baseline Payment Dte", "Baseline date", "Basisdatum", "Date de base", "Fecha base"),
    "wrshb": (
        "Amount in doc. curr.", "Amount in Doc. Currency", "Amount in document currency",
        "Betrag in Belegwährung", "Betrag in Belegwähr.", "Belegwährungsbetrag", "Montant en devise pièce",
        "Montant en devise de pièce", "Montant en devise de la pièce", "Importe en moneda doc.",
        "Importe en moneda del documento", "Importe en moneda documento",
    ),
    "waers": (
        "Document currency", "Doc. currency", "Currency", "Curr.", "Belegwährung", "Währung", "Währg",
        "Devise pièce", "Devise de pièce", "Devise", "Moneda del documento", "Moneda documento", "Moneda",
    ),
    "dmshb": (
        "Amount in local currency", "Amount in local cur.", "Amount in LC", "LC amnt",
        "Betrag in Hauswährung", "Betrag in Hauswähr.", "Hauswährungsbetrag", "Montant en devise interne",
        "Montant en devise société", "Montant en monnaie locale", "Importe en moneda local", "Importe en ML",
    ),
    "hwaer": ("Local Currency", "LCurr", "LC", "Hauswährung", "HWähr", "Devise interne", "Monnaie locale",
              "Moneda local"),
    "augbl": (
        "Clearing Document", "Clearing doc.", "Clrng doc.", "Ausgleichsbeleg", "Ausgl.bel.",
        "Pièce rapprochement", "Pièce de rapprochement", "Doc.compensación", "Documento de compensación",
        "Documento compensación",
    ),
    "augdt": ("Clearing date", "Clearing", "Ausgleichsdatum", "Ausgleich", "Date rapprochement",
              "Date de rapprochement", "Fecha compensación", "Fecha de compensación", "Compensación"),
    "rebzg": ("Invoice reference", "Invoice ref.", "Inv. ref.", "Rechnungsbezug", "Réf. facture",
              "Référence facture", "Referencia a factura", "Ref.factura"),
}  # fmt: skip

ITEMS = Layout(
    "customer items (BSID, BSAD, BSEG or the FBL5N list)",
    (
        "bukrs", "belnr", "gjahr", "buzei", "kunnr", "koart", "blart", "bschl", "shkzg", "umskz", "bldat",
        "budat", "cpudt", "faedt", "zfbdt", "zbd1t", "zbd2t", "zbd3t", "wrbtr", "dmbtr", "wrshb", "dmshb",
        "waers", "hwaer", "wskto", "augbl", "augdt", "rebzg", "rebzj", "rebzz", "_fivetran_deleted",
    ),
    ("belnr", "kunnr"),
    _DISPLAYED,
    (("wrbtr", "dmbtr", "wrshb", "dmshb"),),
)  # fmt: skip
HEADERS = Layout(
    "document headers (BKPF)",
    ("bukrs", "belnr", "gjahr", "blart", "bldat", "budat", "cpudt", "waers", "hwaer", "stblg",
     "_fivetran_deleted"),
    ("bukrs", "belnr", "gjahr", "blart", "bldat", "budat", "waers"),
)  # fmt: skip
CUSTOMERS = Layout(
    "customers (KNA1)",
    ("kunnr", "land1", "name1", "brsch", "kukla", "_fivetran_deleted"),
    ("kunnr", "land1", "name1"),
)

PAYMENT_TYPES = ("DZ", "ZP", "ZV", "AB", "KZ")
CREDIT_MEMO_TYPES = ("DG", "RV", "DR", "RX", "G2")
PAYMENT_KEYS = ("05", "06", "07", "08", "15", "16", "17", "18")
INVOICE_KEYS = ("01", "03", "04")
CREDIT_MEMO_KEYS = ("11", "12", "13", "14")
REVERSED_CREDIT_KEY = "02"
"""Posting keys and document types as SAP delivers them (SAP's documentation); a company
may define its own."""
