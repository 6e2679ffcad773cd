"""The queue: which open invoices or customers to chase first, and what is set aside.

Nothing disappears on the way. Every scored invoice ends in exactly one place:
ranked within capacity, waiting beyond it, out of the scope asked for, or set
aside with a reason; the totals count them all. An insolvent customer's
invoices have a list of their own, because a claim that is not declared in time
is lost whatever the queue says.

``agreements`` and ``standing`` say what may be chased, ``order`` what comes first;
``customers`` sums up by customer, and ``ranking`` puts the queue together.
"""

from paydelay.worklist.agreements import agreements
from paydelay.worklist.order import Order, priority_rank
from paydelay.worklist.ranking import By, Scope, Worklist, rank
from paydelay.worklist.standing import SET_ASIDE_REASONS, claims_to_declare, scope, set_aside_reason

__all__ = [
    "SET_ASIDE_REASONS",
    "By",
    "Order",
    "Scope",
    "Worklist",
    "agreements",
    "claims_to_declare",
    "priority_rank",
    "rank",
    "scope",
    "set_aside_reason",
]
