"""paydelay: which open invoices to chase first, what each may cost and why.

The walk of a ledger, and the module where each step lives:

``ledger``      the tables' contract; what was refused and why
``sources``     books of other systems -> ledger, with an account of every line
``simulate``    a debtor book whose truth is known
``history``     what was known when: the only door to the past
``features``    what the model may know of an open invoice
``panel``       one row per date and open invoice
``outcomes``    labels and when they are mature
``folds``       rows and books split in time, for backtests and for scikit-learn
``training``    ledger -> model: fit, calibrate, judge, correct by what came since
``model``       the delay curve of an invoice
``curve``       what is read off a curve: shares, days, the 80 % interval
``scoring``     ledger + model -> score table, kept and made again
``explain``     exact contributions -> reasons in words
``cash``        cash expected per week from what is open
``loss``        exposure, cover, loss given default, cost of delay
``backtest``    the past replayed, judged in money, beside what needs no model
``figures``     a proof as pictures
``worklist``    the ranked queue and what is set aside
``tune``        settings by rolling backtest, judged where they were not tuned
``tracking``    runs and models in MLflow: champion and challenger
``monitor``     past scores beside what came, and what has changed since training
``delivery``    a score table to a file
``report``      what a person reads: terminal table and HTML page
``cli``         the command line
``pipeline``    work of a scheduler: done once, taken up where it was stopped

LightGBM, scikit-learn, optuna, mlflow, pandas and shap are imported where they are used, so that
importing paydelay stays near the cost of polars and numpy.

Examples
--------
>>> import paydelay as pdl
>>> book = pdl.simulate(pdl.SimulationSettings(customer_count=5, month_count=6))
>>> ledger = pdl.Ledger.from_frames(book.invoices, book.payments)
>>> ledger.reporting_currency
'EUR'
"""

from __future__ import annotations

from importlib.metadata import version

from paydelay import figures
from paydelay.backtest import Backtest, backtest
from paydelay.cash import cash_in
from paydelay.config import Config, load_config
from paydelay.delivery import deliver
from paydelay.errors import PaydelayError
from paydelay.features import CATALOGUE, Catalogue, Feature, covariate_features, installed_catalogue
from paydelay.folds import RollingOriginSplit
from paydelay.history import History, PastView, cut_ledger, read_covariates
from paydelay.ledger import Ledger, read_ledger
from paydelay.model import DelayModel
from paydelay.monitor import Monitoring, monitor
from paydelay.outcomes import Outcomes, panel
from paydelay.panel import Panel, check_no_leak
from paydelay.report import write_backtest_report, write_monitoring_report, write_report
from paydelay.scoring import Replay, Scores, replay, score
from paydelay.simulate import Simulation, SimulationSettings, simulate
from paydelay.sources import ImportedLedger, ImportOptions, ImportReport, import_ledger
from paydelay.tracking import load_registered, log_training, promote
from paydelay.training import recalibrate, train
from paydelay.tune import Tuning, tune
from paydelay.worklist import Worklist, rank

__all__ = [
    "CATALOGUE",
    "Backtest",
    "Catalogue",
    "Config",
    "DelayModel",
    "Feature",
    "History",
    "ImportOptions",
    "ImportReport",
    "ImportedLedger",
    "Ledger",
    "Monitoring",
    "Outcomes",
    "Panel",
    "PastView",
    "PaydelayError",
    "Replay",
    "RollingOriginSplit",
    "Scores",
    "Simulation",
    "SimulationSettings",
    "Tuning",
    "Worklist",
    "__version__",
    "backtest",
    "cash_in",
    "check_no_leak",
    "covariate_features",
    "cut_ledger",
    "deliver",
    "figures",
    "import_ledger",
    "installed_catalogue",
    "load_config",
    "load_registered",
    "log_training",
    "monitor",
    "panel",
    "promote",
    "rank",
    "read_covariates",
    "read_ledger",
    "recalibrate",
    "replay",
    "score",
    "simulate",
    "train",
    "tune",
    "write_backtest_report",
    "write_monitoring_report",
    "write_report",
]

__version__ = version("paydelay")
